import type { Log } from '@posthorn/process';
import type { DestinationResponse, Failure, Outcome } from '@posthorn/shared';
import type { KeptFailure, NewLogEntry } from '../engine/log/log-entries.ts';
import type { Delivery } from '../engine/shards/shard.ts';
import { createSettlement, type SettleParts } from './settle.ts';

const maxStoredResponseBytes = 1000;

/** Settles a failed attempt in a Redis that is full or not; gives what was stored of its response. */
async function settle(kind: 'retry' | 'failed' | 'canceled', response: Partial<DestinationResponse>, isFull = false) {
  const told: (Outcome & { response: DestinationResponse })[] = [];
  const failures: Failure[] = [];
  const buried: KeptFailure[] = [];
  const entries: NewLogEntry[] = [];
  const parts = {
    isFull: () => isFull,
    callbacks: {
      storeCallback: async (_: Delivery, outcome: Outcome & { response: DestinationResponse }) =>
        void told.push(outcome),
      storeFailureCallback: async (_delivery: Delivery, failure: Failure) => void failures.push(failure),
    },
    bury: async (_delivery: Delivery, failure: KeptFailure) => {
      buried.push(failure);
      return '1-0';
    },
    logs: {
      failed: (_id: string, _message: unknown, more: NewLogEntry[]) => void entries.push(...more),
      ended: (_id: string, more: NewLogEntry[]) => void entries.push(...more),
    },
    stats: { settled: () => undefined },
    recordScheduleOutcome: async () => undefined,
    bodies: { release: async () => undefined },
    log: { debug: () => undefined, info: () => undefined } as unknown as Log,
    graceMs: 0,
    dlqRetentionMs: 0,
    maxStoredResponseBytes,
  };
  const settlement = createSettlement(parts as unknown as SettleParts);
  const failure = { error: 'no', response: { status: 500, header: {}, body: new Uint8Array(), ...response } };
  await settlement.settle({ id: 'msg_1', message: {}, retried: 0 } as Delivery, { kind, delayMs: 1, ...failure });
  const entry = entries.find(({ state }) => state === 'ERROR');
  return { told, failures, buried, entry, text: String(entry?.value) };
}

const large = Buffer.alloc(100_000, 'x');
const header = { A: ['b'] };

test.each(['retry', 'failed', 'canceled'] as const)(
  'of an attempt that ends as %s, little of the response is kept',
  async (kind) => {
    const { told, failures, buried, entry, text } = await settle(kind, { body: large, header });
    expect(text.length + (entry?.body?.length ?? 0)).toBeLessThan(2000);
    expect(JSON.parse(text)).toMatchObject({ header, isCut: true });
    for (const { response } of buried) expect(response).toMatchObject({ header, isCut: true, body: { length: 1000 } });
    expect(buried).toHaveLength(kind === 'failed' ? 1 : 0);
    // The callbacks have all of it.
    for (const { response } of [...told, ...failures]) expect(response.body).toHaveLength(large.length);
  },
);

test.each(['retry', 'failed', 'canceled'] as const)('while Redis is full, nothing of it is: %s', async (kind) => {
  const { told, failures, buried, entry, text } = await settle(kind, { body: large, header }, true);
  expect(entry?.body).toBeUndefined();
  expect(JSON.parse(text)).toMatchObject({ status: 500, error: 'no', header: {}, isCut: true });
  expect(JSON.parse(text)).not.toHaveProperty('body');
  for (const { response } of buried) expect(response).toMatchObject({ header: {}, isCut: true, body: { length: 0 } });
  for (const { response } of [...told, ...failures]) {
    expect(response.body).toHaveLength(maxStoredResponseBytes);
    expect(response.isCut).toBe(true);
  }
});

test('while Redis is full, callbacks do not carry large headers either', async () => {
  const large = { Huge: ['x'.repeat(60_000)], ...header };
  const { told, failures } = await settle('failed', { body: Buffer.from('small'), header: large }, true);
  for (const { response } of [...told, ...failures]) {
    expect(response.header).toEqual(header);
    expect(response.body).toEqual(Buffer.from('small'));
    expect(response.isCut).toBeUndefined();
  }
  const whole = await settle('failed', { header: large });
  for (const { response } of [...whole.told, ...whole.failures]) expect(response.header).toEqual(large);
});

test('of many headers those are kept that fit, and small ones after large ones', async () => {
  const { text } = await settle('retry', {
    header: { Small: ['a'], Huge: ['x'.repeat(9000)], Many: Array.from({ length: 3000 }, () => 'yyy'), Last: ['b'] },
  });
  expect((JSON.parse(text) as { header: object }).header).toEqual({ Small: ['a'], Last: ['b'] });
});

test.each([
  ['text', Buffer.from(`${'x'.repeat(999)}ü`), 'x'.repeat(999)],
  ['text of four bytes a character', Buffer.from('🎺'.repeat(251)), '🎺'.repeat(250)],
  ['three bytes of four', Buffer.from(`xxx${'🎺'.repeat(250)}`), `xxx${'🎺'.repeat(249)}`],
])('%s is cut at a character', async (_, body, kept) => {
  const { buried } = await settle('failed', { body });
  expect(buried[0]?.response.body.toString()).toBe(kept);
});

test('bytes that are no text are cut at the limit', async () => {
  const { buried } = await settle('failed', { body: Buffer.alloc(1003, 0x9f) });
  expect(buried[0]?.response.body).toHaveLength(1000);
});
