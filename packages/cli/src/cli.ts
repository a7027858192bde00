import { Command, CommanderError } from 'commander';
import { createAct, sessionOptions, type Act } from './act.ts';
import { exitCodes, Failure } from './failure.ts';
import { disarm } from './output/text.ts';
import { version } from './version.ts';

/** Each in a file of its own, which is loaded only if it is named: the command line has to start fast. */
const commands: Record<string, { summary: string; load: () => Promise<(command: Command, act: Act) => void> }> = {
  publish: {
    summary: 'publish a message to a URL or a topic',
    load: async () => (await import('./commands/publish.ts')).addPublish,
  },
  console: {
    summary: 'print a link that signs in to the console',
    load: async () => (await import('./commands/console.ts')).addConsole,
  },
  message: {
    summary: 'where a message is and why; look at it, or cancel it',
    load: async () => (await import('./commands/message.ts')).addMessage,
  },
  logs: {
    summary: 'show the message log',
    load: async () => (await import('./commands/logs.ts')).addLogs,
  },
  dlq: {
    summary: 'messages that have finally failed: look, retry, delete',
    load: async () => (await import('./commands/dlq.ts')).addDlq,
  },
  schedule: {
    summary: 'publish repeatedly',
    load: async () => (await import('./commands/schedule.ts')).addSchedule,
  },
  queue: {
    summary: 'queues, whose messages are delivered in order',
    load: async () => (await import('./commands/queue.ts')).addQueue,
  },
  topic: {
    summary: 'topics (URL groups), whose messages go to several endpoints',
    load: async () => (await import('./commands/topic.ts')).addTopic,
  },
  flow: {
    summary: 'flow-control keys, whose messages share limits',
    load: async () => (await import('./commands/flow.ts')).addFlow,
  },
  workflow: {
    summary: 'inspect, start, cancel and notify runs',
    load: async () => (await import('./commands/workflow.ts')).addWorkflow,
  },
  keys: {
    summary: 'the keys that deliveries are signed with',
    load: async () => (await import('./commands/keys.ts')).addKeys,
  },
  status: {
    summary: 'whether the server is ready, and what waits in it',
    load: async () => (await import('./commands/status.ts')).addStatus,
  },
  listen: {
    summary: 'receive messages on this machine: print them, check their signatures',
    load: async () => (await import('./commands/listen.ts')).addListen,
  },
  token: {
    summary: 'print the token of the server',
    load: async () => (await import('./commands/token.ts')).addToken,
  },
  backup: {
    summary: 'save the data directory of `npm start` into one archive',
    load: async () => (await import('./commands/backup.ts')).addBackup,
  },
  restore: {
    summary: 'create a data directory from an archive',
    load: async () => (await import('./commands/backup.ts')).addRestore,
  },
  start: {
    summary: 'run all of posthorn from this checkout, as `npm start` does',
    load: async () => (await import('./commands/start.ts')).addStart,
  },
  version: {
    summary: 'print the version of this program',
    load: async () => (await import('./commands/version.ts')).addVersion,
  },
  completion: {
    summary: 'print a script that completes commands in a shell',
    load: async () => (await import('./commands/completion.ts')).addCompletion,
  },
};

/** Commands that talk to no server. */
const withoutSession = ['start', 'backup', 'restore', 'version', 'completion'];

const epilogue = `
Variables:
  QSTASH_URL, QSTASH_TOKEN  the server and its token, when no option names them
  POSTHORN_DATA_DIR         the data directory of \`npm start\`, to find its server
  NO_COLOR                  no colours on a terminal

Exit status:
${exitCodes.map(({ code, meaning }) => `  ${code}  ${meaning}`).join('\n')}
`;

/** Runs one command line; gives the exit status. */
export async function run(args: string[]): Promise<number> {
  try {
    const program = await createProgram(args);
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // commander has said it already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`posthorn: ${disarm(error instanceof Error ? error.message : String(error))}\n`);
    return error instanceof Failure ? error.exitCode : 1;
  }
}

/** @param args commands that are not named here are known by name only; those of `completion` are all */
async function createProgram(args: string[]): Promise<Command> {
  const program = new Command('posthorn')
    .description('Publish an HTTP message and forget about it.')
    .version(version)
    .exitOverride()
    .enablePositionalOptions()
    .showHelpAfterError('(--help says more)')
    .addHelpText('after', epilogue);
  const act = createAct(program);
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const command = program.command(name).description(summary);
    if (args.includes(name) || args.includes('completion')) (await load())(command, act);
  }
  for (const option of sessionOptions) program.addOption(option);
  addSessionOptions(program);
  return program;
}

/** The options of a session may stand behind every command as well, unless it has its own with that name. */
function addSessionOptions(command: Command): void {
  for (const child of command.commands) {
    addSessionOptions(child);
    if (child.commands.length > 0 || withoutSession.includes(child.name())) continue;
    for (const option of sessionOptions) {
      if (!child.options.some(({ long }) => long === option.long)) child.addOption(option);
    }
  }
}
