import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createResponseReader } from './response-reader.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const start = 'HTTP/1.1 500 No\r\n';
const maxBodyBytes = 1_000_000;

/** Gives so many readers the same bytes; what each of them holds by itself, and what it takes in memory. */
function measure(readers: number, pieces: () => Iterable<Buffer>) {
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  const all = Array.from({ length: readers }, () => {
    const reader = createResponseReader({ maxBodyBytes, keepSuccess: true });
    for (const piece of pieces()) if (reader.read(piece)) throw new Error('The response ended early.');
    return reader;
  });
  collectGarbage();
  const takenBytes = (process.memoryUsage().heapUsed - before) / readers;
  return { takenBytes, heldBytes: all[0]?.heldBytes() ?? 0 };
}

function* inSingleBytes(text: string) {
  for (const byte of Buffer.from(text)) yield Buffer.of(byte);
}

test.each<[string, number, () => Iterable<Buffer>]>([
  ['many short headers', 50, () => [Buffer.from(start + 'a:\r\n'.repeat(1990))]],
  [
    'many headers with different names',
    50,
    () => [Buffer.from(start + Array.from({ length: 1990 }, (_, n) => `a${n}: b\r\n`).join(''))],
  ],
  [
    'those, complete',
    50,
    () => [Buffer.from(`${start}${Array.from({ length: 1990 }, (_, n) => `a${n}: b\r\n`).join('')}\r\n`)],
  ],
  ['one header in many lines', 50, () => [Buffer.from(`${start}a: b\r\n${' x\r\n'.repeat(1990)}`)]],
  ['one header of 60 kB, byte by byte', 10, () => inSingleBytes(`${start}a: ${'x'.repeat(60_000)}`)],
  ['headers of 60 kB', 50, () => [Buffer.from(start + `a: ${'x'.repeat(590)}\r\n`.repeat(100))]],
])('%s take as much memory as is counted', (_, readers, pieces) => {
  const { takenBytes, heldBytes } = measure(readers, pieces);
  expect(takenBytes).toBeLessThan(1.5 * heldBytes + 20_000);
});

test('the lines of a folded header count as lines', () => {
  const reader = createResponseReader({ maxBodyBytes, keepSuccess: true });
  const response = reader.read(Buffer.from(`${start}a: b\r\n${' x\r\n'.repeat(2100)}`));
  expect(response).toMatchObject({ status: 0, error: 'the headers of the response are too large' });
});

test('nothing of a response that is cut off counts: neither its status nor a header nor its body', () => {
  const text = 'HTTP/1.1 200 OK\r\nRetry-After: 60\r\nContent-Length: 10\r\n\r\nabc';
  const reader = createResponseReader({ maxBodyBytes, keepSuccess: true });
  expect(reader.read(Buffer.from(text))).toBeUndefined();
  const error = 'the connection closed before the response was complete';
  expect(reader.close(false)).toEqual({ status: 0, header: {}, body: [], isCut: false, error, keepAliveMs: 0 });
});
