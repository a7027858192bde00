import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  activeEntry,
  connectForWork,
  createBroker,
  createdEntry,
  failedEntries,
  type BrokerParts,
} from '@posthorn/broker/parts';
import { openLog } from '@posthorn/process';
import type { Message } from '@posthorn/shared';
import { startApi, startRedis, testToken } from '@posthorn/testkit';

const messages = 600;
const largeBodies = 10;
const publishes = 100;
const publishEveryMs = 50;
/** Above this, a publisher notices that others read. */
const maxP95Ms = 200;

export interface ReaderFigures {
  /** 95 of 100 publishes were answered within this time, without readers and beside them. */
  publishP95AloneMs: number;
  publishP95Ms: number;
  publishesFailed: number;
  pages: number;
  pagesRefused: number;
  pagesFailed: number;
  megabytes: number;
  isGood: boolean;
}

/** What publishing takes while fifty clients read the largest pages of the log and of the dead letter queue. */
export async function measureReaders(): Promise<ReaderFigures> {
  const redis = await startRedis();
  await fill(redis.url);
  const api = await startApi(redis.url);
  await measurePublishes(); // The first one is for the just-in-time compiler.
  const alone = await measurePublishes();
  const readers = fork(new URL('reader-clients.js', import.meta.url), [api.url, testToken]);
  const beside = await measurePublishes();
  const told = once(readers, 'message');
  readers.send('stop');
  const [counts] = (await told) as [{ pages: number; refused: number; failed: number; bytes: number }];
  await api.end('SIGKILL');
  await redis.stop();
  return {
    publishP95AloneMs: alone.p95,
    publishP95Ms: beside.p95,
    publishesFailed: beside.failed,
    pages: counts.pages,
    pagesRefused: counts.refused,
    pagesFailed: counts.failed,
    megabytes: Math.round(counts.bytes / 1e6),
    isGood: beside.p95 < maxP95Ms && beside.failed === 0 && counts.failed === 0 && counts.pages > 0,
  };

  async function measurePublishes(): Promise<{ p95: number; failed: number }> {
    const times: number[] = [];
    let failed = 0;
    const running: Promise<unknown>[] = [];
    for (let n = 0; n < publishes; n++) {
      const publish = async () => {
        const startedAt = performance.now();
        const init = { method: 'POST', body: 'x', headers: { 'Upstash-Delay': '1h' } };
        const response = await api.call('/v2/publish/https://a.example/', init);
        times.push(Math.round(performance.now() - startedAt));
        if (!response.ok) failed++;
      };
      running.push(publish());
      await new Promise((resolve) => setTimeout(resolve, publishEveryMs));
    }
    await Promise.all(running);
    times.sort((a, b) => a - b);
    return { p95: times[Math.floor(times.length * 0.95)] ?? NaN, failed };
  }
}

/** A log and a dead letter queue of messages that have failed, as large as one message can be in the log, and larger. */
async function fill(redisUrl: string): Promise<void> {
  const redis = connectForWork(redisUrl);
  const broker = createBroker({
    redis,
    log: openLog('hostile', 'fatal').log,
    shards: 8,
    graceMs: 60_000,
    logRetentionMs: 604_800_000,
    maxLogLines: 3_000_000,
    dlqRetentionMs: 604_800_000,
    destinations: { allowPrivate: true, allow: [], deny: [] },
  });
  for (let n = 0; n < messages; n++) {
    await fail(broker, n % (messages / largeBodies) === 0 ? 10_000_000 : 16_000);
    if (n % 100 === 0) await broker.logs.entries.flush();
  }
  await broker.close();
}

async function fail({ logs, dlq, bodies, shards }: BrokerParts, bytes: number): Promise<void> {
  const now = Date.now();
  const { id, shard } = shards.newId(now);
  const isLarge = bytes > 16_384;
  if (isLarge) await bodies.put(id, Buffer.alloc(bytes, 'x'), [id]);
  const message: Message = {
    url: 'https://a.example/',
    method: 'POST',
    header: {},
    body: isLarge ? { kind: 'stored', key: id } : { kind: 'text', text: 'x'.repeat(bytes) },
    createdAt: now,
    notBefore: now,
    maxRetries: 0,
    timeoutMs: 1000,
    callerIp: '::1',
  };
  const response = { status: 500, header: {}, body: Buffer.alloc(64 * 1024, 'y'), isCut: true };
  const failure = { error: 'the destination answered 500', errorKind: 'http' as const, response };
  await dlq.bury({ id, shard, message, retried: 0 }, failure);
  logs.list(id, [createdEntry(message)], message);
  logs.ended(id, [activeEntry(0, now), ...failedEntries(0, now, failure)], message);
}
