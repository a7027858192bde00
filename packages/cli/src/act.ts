import type { Client } from '@posthorn/sdk';
import { Option, type Command } from 'commander';
import { connect, type Connection } from './connection.ts';
import { explain } from './failure.ts';
import { createOutput, type Output } from './output/output.ts';

/** Dependencies of a command. */
export interface Session {
  client: Client;
  connection: Connection;
  output: Output;
}

/** Makes the action of a command from what it does. */
export type Act = <A extends unknown[]>(
  work: (session: Session, ...args: A) => void | Promise<void>,
) => (...all: [...A, Command]) => Promise<void>;

export const sessionOptions = [
  new Option('--url <url>', 'the server (default: QSTASH_URL, else the running `npm start`)'),
  new Option('--token <token>', 'its token (default: QSTASH_TOKEN, else that of the running `npm start`)'),
  new Option('--json', 'print JSON, as the server has it'),
];

export function createAct(program: Command): Act {
  return <A extends unknown[]>(work: (session: Session, ...args: A) => void | Promise<void>) =>
    async (...all: [...A, Command]) => {
      const { json, ...given } = readSessionOptions(program, all.at(-1) as Command);
      const output = createOutput({ isJson: json ?? false });
      const connection = await connect(given);
      try {
        await work({ client: connection.client, connection, output }, ...(all.slice(0, -1) as A));
      } catch (error) {
        throw await explain(error, connection);
      }
    };
}

interface SessionOptions {
  url?: string;
  token?: string;
  json?: boolean;
}

/** Those behind the command count before those of the program; a filter that is also called `--url` is none of them. */
function readSessionOptions(program: Command, command: Command): SessionOptions {
  const own = sessionOptions
    .filter((option) => command.options.includes(option))
    .map((option) => [option.attributeName(), command.getOptionValue(option.attributeName()) as unknown])
    .filter(([, value]) => value !== undefined);
  return { ...program.opts<SessionOptions>(), ...(Object.fromEntries(own) as SessionOptions) };
}
