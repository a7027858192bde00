import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { SigningKeyPair } from '@posthorn/sdk';
import { InvalidArgumentError, type Command } from 'commander';
import type { Act, Session } from '../act.ts';
import { parseCount } from '../arguments.ts';
import { Failure } from '../failure.ts';
import type { Output } from '../output/output.ts';
import { disarm, disarmJson } from '../output/text.ts';

interface Options {
  status: number;
}

const defaultPort = 3000;
const maxBodyBytes = 32 * 1024 * 1024;
/** More of a body is not shown to a person. */
const shownCharacters = 4096;
const maxConnections = 100;

export function addListen(command: Command, act: Act): void {
  command
    .argument('[port]', `port on this machine (default: ${defaultPort})`, parsePort)
    .option('--status <status>', 'answer each request with this status', parseStatus, 200)
    .action(
      act(async (session, port: number | undefined, { status }: Options) => {
        const verify = createVerifier(session);
        const answer: RequestListener = (request, response) => {
          void readBody(request).then(
            async (body) => {
              // 204 and 304 have no body, and the others need none.
              response.writeHead(body ? status : 413).end();
              if (body) print(session.output, { ...describe(request, body), signature: await verify(request, body) });
              else session.output.note(`a body of more than ${maxBodyBytes} bytes was refused`);
            },
            () => undefined,
          );
        };
        const servers = await listen(answer, port ?? defaultPort);
        session.output.note(`listening on http://localhost:${port ?? defaultPort}, answering ${status}; Ctrl-C ends`);
        await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)));
        for (const server of servers) {
          server.close();
          server.closeAllConnections();
        }
      }),
    );
}

function parsePort(text: string): number {
  const port = parseCount(text);
  if (port < 1 || port > 65_535) throw new InvalidArgumentError('Use a port from 1 to 65535.');
  return port;
}

function parseStatus(text: string): number {
  const status = parseCount(text);
  if (status < 200 || status > 599) throw new InvalidArgumentError('Use a status from 200 to 599.');
  return status;
}

/** Listens on both loopback addresses, for `localhost` can mean either. */
async function listen(answer: RequestListener, port: number): Promise<Server[]> {
  const servers: Server[] = [];
  for (const host of ['127.0.0.1', '::1']) {
    const server = createServer(answer);
    server.maxConnections = maxConnections;
    server.listen(port, host);
    try {
      await once(server, 'listening');
      servers.push(server);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Not every machine has IPv6.
      if (host === '::1' && code !== 'EADDRINUSE') continue;
      for (const each of servers) each.close();
      throw new Failure(
        `Cannot listen on port ${port} (${code ?? message}); stop what uses it or name another port.`,
        1,
      );
    }
  }
  return servers;
}

/** The whole body; `undefined` when it is too large. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  // Copied at once: a piece may be a single byte, and the view of it takes a hundred.
  let body = Buffer.alloc(0);
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    const needed = length + chunk.length;
    if (needed <= maxBodyBytes) {
      if (needed > body.length) body = Buffer.concat([body], Math.max(needed, 2 * body.length));
      chunk.copy(body, length);
    }
    length = needed;
  }
  return length <= maxBodyBytes ? body.subarray(0, length) : undefined;
}

/** Says of each request whether its signature is valid; reads the keys again when it is not, for they may have rotated. */
function createVerifier({ client }: Session): (request: IncomingMessage, body: Buffer) => Promise<string> {
  let keys: SigningKeyPair | undefined;
  const check = async (signature: string, body: Buffer): Promise<string> => {
    const { Receiver } = await import('@posthorn/sdk');
    keys ??= await client.keys.get();
    const receiver = new Receiver({ currentSigningKey: keys.current, nextSigningKey: keys.next });
    return receiver.verify({ signature, body }).then(
      () => 'valid',
      (error: unknown) => `invalid: ${(error as Error).message}`,
    );
  };
  return async ({ headers }, body) => {
    const signature = headers['upstash-signature'];
    if (typeof signature !== 'string') return 'missing';
    try {
      const result = await check(signature, body);
      if (result === 'valid') return result;
      keys = undefined;
      return await check(signature, body);
    } catch (error) {
      return `not checked: ${(error as Error).message}`;
    }
  };
}

interface Received {
  time: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  signature: string;
}

function describe(request: IncomingMessage, body: Buffer): Omit<Received, 'signature'> {
  const headers = Object.fromEntries(
    Object.entries(request.headersDistinct).map(([name, values]) => [name, values?.join(', ') ?? '']),
  );
  const { method = '', url = '' } = request;
  return { time: new Date().toISOString(), method, path: url, headers, body: body.toString('utf8') };
}

function print({ isJson, paint }: Output, received: Received): void {
  const { method, path, headers, body, signature } = received;
  if (isJson) {
    process.stdout.write(`${disarmJson(JSON.stringify(received))}\n`);
    return;
  }
  const rest = body.length - shownCharacters;
  const lines = [
    `${method} ${disarm(path)}  ${paint(signature === 'valid' ? 'green' : 'red', `signature ${disarm(signature)}`)}`,
    ...Object.entries(headers).map(([name, value]) => `  ${paint('dim', `${name}:`)} ${disarm(value)}`),
    ...(body === '' ? [] : ['', disarm(body.slice(0, shownCharacters))]),
    ...(rest > 0 ? [`(${rest} more characters; --json shows all)`] : []),
  ];
  process.stdout.write(`${lines.join('\n')}\n\n`);
}
