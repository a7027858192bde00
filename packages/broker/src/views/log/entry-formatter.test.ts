import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Message } from '@posthorn/shared';
import type { BodyStore } from '../../engine/shards/body.ts';
import type { LogStore } from '../../engine/log/log-store.ts';
import { createEntryFormatter } from './entry-formatter.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const entry = (messageId: string) => ({
  messageId,
  state: 'CREATED' as const,
  retried: 0,
  time: 0,
  writtenAt: 0,
  message: { url: 'https://a.example', header: {}, body: { kind: 'stored', key: messageId } } as Message,
});

test('of large bodies that are trimmed only what is shown stays in memory', async () => {
  const read: WeakRef<Buffer>[] = [];
  const bodies = {
    size: async () => 1024 * 1024,
    async read() {
      const bytes = Buffer.alloc(1024 * 1024, 'x');
      read.push(new WeakRef(bytes));
      return bytes;
    },
  } as unknown as BodyStore;
  const formatter = createEntryFormatter({} as LogStore, bodies, { maxBytes: 10_000, trimBody: 3 });
  for (const id of ['a', 'b', 'c']) expect((await formatter.format(entry(id))).body).toBe('eHh4');
  expect((await formatter.format(entry('a'))).body).toBe('eHh4');
  expect(read).toHaveLength(3);
  await setImmediate();
  collectGarbage();
  expect(read.filter((reference) => reference.deref() !== undefined)).toHaveLength(0);
});
