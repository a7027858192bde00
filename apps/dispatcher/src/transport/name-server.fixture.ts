import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

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

/** A name server on loopback that knows what a test tells it. */
export async function startTestNameServer(): Promise<TestNameServer> {
  const answers: Record<string, NameAnswer> = {};
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, { address, port }) => {
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
    if (answer === 'silence') return;
    const addresses = Array.isArray(answer) ? answer.filter((each) => isIPv6(each) === (type === typeAaaa)) : [];
    const records = addresses.map((each) => {
      const bytes = isIPv6(each) ? readIPv6(each) : each.split('.').map(Number);
      return Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, bytes.length, ...bytes]);
    });
    const code = typeof answer === 'string' ? codes[answer] : 0;
    const head = Buffer.from([...query.subarray(0, 2), 0x81, 0x80 | code, 0, 1, 0, records.length, 0, 0, 0, 0]);
    socket.send(Buffer.concat([head, query.subarray(12, at + 5), ...records]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    answers,
    asked,
    async stop() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

/** Only `::` and a last group: enough for loopback. */
function readIPv6(address: string): number[] {
  return [...Array<number>(15).fill(0), Number(address.replace('::', ''))];
}
