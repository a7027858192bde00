import { QstashUnavailableError, QstashValidationError, type Log } from '@posthorn/sdk';
import { follow } from './follow.ts';

const line = (time: number, messageId = 'm', state: Log['state'] = 'CREATED'): Log => ({
  time,
  messageId,
  state,
  url: 'http://a',
});

/** Follows a log that is another one at each look; ends with the last. */
async function run(looks: (Log[] | Error)[], { limit = 10, isMore = false } = {}) {
  const ended = new AbortController();
  const printed: Log[] = [];
  const notes: string[] = [];
  const starts: number[] = [];
  await follow({
    async read(fromMs) {
      starts.push(fromMs);
      const look = looks.shift() ?? [];
      if (looks.length === 0) ended.abort();
      if (look instanceof Error) throw look;
      return { lines: look, isMore };
    },
    print: (lines) => printed.push(...lines),
    note: (text) => notes.push(text),
    limit,
    signal: ended.signal,
    pollMs: 0,
  });
  return { printed, notes, starts };
}

test('each line is printed once, however often it is read', async () => {
  const now = Date.now();
  const [a, b, late] = [line(now, 'a'), line(now + 10, 'b'), line(now - 1000, 'late')];
  const { printed } = await run([[a], [a], [late, a, b], [late, a, b], []]);
  expect(printed).toEqual([a, late, b]);
});

test('older lines than the first that was printed are not printed later', async () => {
  const now = Date.now();
  const { printed, starts } = await run([[line(now, 'b')], [line(now - 1, 'a'), line(now, 'b'), line(now, 'c')]], {
    isMore: true,
  });
  expect(printed.map(({ messageId }) => messageId)).toEqual(['b', 'c']);
  expect(starts[1]).toBe(now);
});

test('a log that says nothing for long is not read from its beginning', async () => {
  const { starts } = await run([[line(1000)], [], []]);
  expect(starts[2]).toBeGreaterThan(Date.now() - 120_000);
});

test('a server that is away is waited for, and then read from where it went', async () => {
  const now = Date.now();
  const away = new QstashUnavailableError('{"error":"redis is away"}', 503);
  const { printed, notes, starts } = await run([[line(now, 'a')], away, away, [line(now + 1, 'b')], [], away]);
  expect(printed.map(({ messageId }) => messageId)).toEqual(['a', 'b']);
  expect(notes).toEqual(['redis is away; waiting']);
  expect(starts[3]).toBe(starts[1]);
});

test('what waiting does not mend ends it', async () => {
  await expect(run([[], new QstashValidationError('no', 400), []])).rejects.toThrow('no');
});
