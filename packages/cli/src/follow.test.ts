import { QstashUnavailableError, QstashValidationError, type Log } from '@posthorn/sdk';
import { follow } from './follow.ts';

const entry = (time: number, messageId = 'm', state: Log['state'] = 'CREATED'): Log => ({
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
      return { entries: look, isMore };
    },
    print: (entries) => printed.push(...entries),
    note: (text) => notes.push(text),
    limit,
    signal: ended.signal,
    pollMs: 0,
  });
  return { printed, notes, starts };
}

test('each entry is printed once, however often it is read', async () => {
  const now = Date.now();
  const [a, b, late] = [entry(now, 'a'), entry(now + 10, 'b'), entry(now - 1000, 'late')];
  const { printed } = await run([[a], [a], [late, a, b], [late, a, b], []]);
  expect(printed).toEqual([a, late, b]);
});

test('older entries than the first that was printed are not printed later', async () => {
  const now = Date.now();
  const { printed, starts } = await run([[entry(now, 'b')], [entry(now - 1, 'a'), entry(now, 'b'), entry(now, 'c')]], {
    isMore: true,
  });
  expect(printed.map(({ messageId }) => messageId)).toEqual(['b', 'c']);
  expect(starts[1]).toBe(now);
});

test('a log that says nothing for long is not read from its beginning', async () => {
  const { starts } = await run([[entry(1000)], [], []]);
  expect(starts[2]).toBeGreaterThan(Date.now() - 120_000);
});

test('a server that is away is waited for, and then read from where it went', async () => {
  const now = Date.now();
  const away = new QstashUnavailableError('{"error":"redis is away"}', 503);
  const { printed, notes, starts } = await run([[entry(now, 'a')], away, away, [entry(now + 1, 'b')], [], away]);
  expect(printed.map(({ messageId }) => messageId)).toEqual(['a', 'b']);
  expect(notes).toEqual(['redis is away; waiting']);
  expect(starts[3]).toBe(starts[1]);
});

test('what waiting does not mend ends it', async () => {
  await expect(run([[], new QstashValidationError('no', 400), []])).rejects.toThrow('no');
});
