import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Socket } from 'node:net';

/** What is answered for a name: addresses, an error code of DNS (RFC 1035 section 4.1.1), or nothing at all. */
export type NameAnswer = string[] | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | 'silence';

export interface TestNameServer {
  port: number;
  /** By name in lower case, without a dot at the end; any other name does not exist. */
  answers: Record<string, NameAnswer>;
  /** The names that were asked for, in their order; the two questions for both families count once. */
  asked: string[];
  stop(): Promise<void>;
}

const codes = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 };
const typeA = 1;
const typeAaaa = 28;

/** What does not fit into a datagram is asked for again over TCP (RFC 1035 section 4.2). */
const maxDatagramBytes = 1232;
const truncated = 0x02;

/** A name server on loopback that knows what a test tells it. */
export async function startTestNameServer(): Promise<TestNameServer> {
  const answers: Record<string, NameAnswer> = {};
  const asked: string[] = [];
  /** `undefined` for silence. */
  function reply(query: Buffer, maxBytes: number): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += length + 1;
    }
    const name = labels.join('.').toLowerCase();
    const type = query.readUInt16BE(at + 1);
    if (type === typeA) asked.push(name);
    const answer = answers[name] ?? 'NXDOMAIN';
    if (answer === 'silence') return undefined;
    const addresses = Array.isArray(answer) ? answer.filter((each) => isIPv6(each) === (type === typeAaaa)) : [];
    const records = addresses.map((each) => {
      const bytes = isIPv6(each) ? readIPv6(each) : each.split('.').map(Number);
      return Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, bytes.length, ...bytes]);
    });
    const code = typeof answer === 'string' ? codes[answer] : 0;
    const write = (flags: number, some: Buffer[]) => {
      const head = [...query.subarray(0, 2), 0x81 | flags, 0x80 | code, 0, 1, some.length >> 8, some.length & 0xff];
      return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), query.subarray(12, at + 5), ...some]);
    };
    const whole = write(0, records);
    return whole.length > maxBytes ? write(truncated, []) : whole;
  }

  const socket = createSocket('udp4');
  socket.on('message', (query, { address, port }) => {
    const bytes = reply(query, maxDatagramBytes);
    if (bytes) socket.send(bytes, port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const connections = new Set<Socket>();
  const server = createServer((connection) => {
    let rest = Buffer.alloc(0);
    connections.add(connection.on('error', () => undefined));
    connection.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        const bytes = reply(rest.subarray(2, end), 0xffff);
        rest = rest.subarray(end);
        if (bytes) connection.write(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]));
      }
    });
  });
  server.listen(socket.address().port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: socket.address().port,
    answers,
    asked,
    async stop() {
      socket.close();
      server.close();
      connections.forEach((connection) => connection.destroy());
      await Promise.all([once(socket, 'close'), once(server, 'close')]);
    },
  };
}

/** Only `::` and a last group: enough for loopback. */
function readIPv6(address: string): number[] {
  return [...Array<number>(15).fill(0), Number(address.replace('::', ''))];
}
