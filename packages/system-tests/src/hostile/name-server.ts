import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv4, isIPv6, type Socket } from 'node:net';
import { decode, encode, streamEncode, TRUNCATED_RESPONSE, type Packet } from 'dns-packet';

/** What is answered for a name: addresses, an error of DNS, or nothing at all; a function may change its mind. */
export type NameAnswer = string[] | 'NXDOMAIN' | 'SERVFAIL' | 'silence' | (() => string[]);

/** A name server on loopback, for names that lead where a test wants them to. */
export interface NameServer {
  address: string;
  port: number;
  /** How often a name was asked for. */
  asked(name: string): number;
  answer(name: string, answer: NameAnswer): void;
  /** Variables of a process that asks this server for the names that end in `.test`. */
  variables: Record<string, string>;
  stop(): Promise<void>;
}

/** What does not fit into a datagram is asked for again over TCP. */
const maxDatagramBytes = 1232;
/** The codes of responses (RFC 1035 section 4.1.1). */
const codes = { NXDOMAIN: 3, SERVFAIL: 2 };

export async function startNameServer({ address = '127.0.0.1', port = 0 } = {}): Promise<NameServer> {
  const answers = new Map<string, NameAnswer>();
  const questions: string[] = [];
  /** `undefined` for silence. */
  function reply(message: Buffer): Packet | undefined {
    const packet = decode(message);
    const question = packet.questions?.[0];
    if (!question) return undefined;
    const name = question.name.toLowerCase();
    // Two questions, one for each family of addresses, are one look-up.
    if (question.type === 'A') questions.push(name);
    const answer = answers.get(name) ?? 'NXDOMAIN';
    if (answer === 'silence') return undefined;
    const reply: Packet = { type: 'response', id: packet.id ?? 0, questions: [question], answers: [], flags: 0 };
    if (typeof answer === 'string') return { ...reply, flags: codes[answer] };
    const isWanted = question.type === 'A' ? isIPv4 : question.type === 'AAAA' ? isIPv6 : () => false;
    const addresses = question.type === 'AAAA' || typeof answer !== 'function' ? answer : answer();
    reply.answers = (typeof addresses === 'function' ? [] : addresses)
      .filter((data) => isWanted(data))
      .map((data) => ({ type: question.type as 'A', name: question.name, ttl: 0, data }));
    return reply;
  }

  const socket = createSocket('udp4');
  socket.on('message', (message, { address: asker, port: askerPort }) => {
    const packet = reply(message);
    if (!packet) return;
    const whole = encode(packet);
    const isTooLarge = whole.length > maxDatagramBytes;
    const cut = { ...packet, answers: [], flags: (packet.flags ?? 0) | TRUNCATED_RESPONSE };
    socket.send(isTooLarge ? encode(cut) : whole, askerPort, asker);
  });
  socket.bind(port, address);
  await once(socket, 'listening');
  const connections = new Set<Socket>();
  const server = createServer((connection) => {
    let rest = Buffer.alloc(0);
    connections.add(connection.on('error', () => undefined).on('close', () => connections.delete(connection)));
    connection.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        const packet = reply(rest.subarray(2, end));
        rest = rest.subarray(end);
        if (packet) connection.write(streamEncode(packet));
      }
    });
  });
  server.listen(socket.address().port, address);
  await once(server, 'listening');
  const bound = socket.address();

  return {
    address: bound.address,
    port: bound.port,
    asked: (name) => questions.filter((question) => question === name).length,
    answer: (name, answer) => void answers.set(name.toLowerCase(), answer),
    variables: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload(bound.port))}` },
    async stop() {
      socket.close();
      server.close();
      for (const connection of connections) connection.destroy();
      await Promise.all([once(socket, 'close'), once(server, 'close')]);
    },
  };
}

/**
 * Node uses the name server of the system, which only root can change. So this code makes the process under test use this
 * name server. The system itself knows no name in `.test`.
 */
function preload(port: number): string {
  return `
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
const { lookup, Resolver } = dns;
dns.Resolver = class extends Resolver {
  constructor(options) {
    super(options);
    this.setServers(['127.0.0.1:${port}']);
  }
};
dns.lookup = (name, options, callback) => {
  if (!/\\.test\\.?$/i.test(name)) return lookup(name, options, callback);
  process.nextTick(callback, Object.assign(new Error('getaddrinfo ENOTFOUND ' + name), { code: 'ENOTFOUND' }));
};
syncBuiltinESMExports();`;
}
