import { createHash } from 'node:crypto';
import { counterNames, type CounterName, type Message, type Outcome, type StatGroup } from '@posthorn/shared';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';

/**
 * Counts what happens to messages, in memory, and adds it up in Redis about once a second. Counting waits for nothing
 * and fails no message; a process that dies loses the counts of its last second.
 */
export interface StatsCounter {
  /** A message was stored. */
  accepted(message: Message): void;
  /** An attempt ended, or a message was given up without one. */
  settled(messageId: string, message: Message, outcome: Outcome): void;
  /** A message was canceled while no attempt ran. */
  canceled(message: Message): void;
  /** How often one of these was called since the process started. */
  total(): number;
  /** Resolves when all counts are written, or could not be. */
  flush(): Promise<void>;
}

/** The upper ends of the buckets of durations, in milliseconds; the last bucket has none. */
export const bucketEndsMs = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000] as const;

/** Values of a group that are in memory until the next flush; others are left out. */
const maxUnsent = 1000;
const flushAfterMs = 500;
/** Values that go with one call of the script: Redis does nothing else for about a millisecond. */
const sendAtOnce = 100;
/** After this many failed flushes, while Redis is unavailable, the counts in memory are dropped. */
const maxFailures = 60;

interface Tally {
  counts: number[];
  buckets?: number[];
  /** Of a host: `d`, the time of its last delivery, and `e`, its last error as JSON. */
  last?: { d?: string; e?: string };
}

/** `endpoint`: an endpoint of a URL group. */
type Group = StatGroup | 'all' | 'endpoint';

/** How many values of a group are counted in a day, and whether per minute as well as per hour. */
const settings: Record<Group, { maxValues: number; hasMinutes: boolean }> = {
  all: { maxValues: 1, hasMinutes: true },
  host: { maxValues: 1000, hasMinutes: true },
  endpoint: { maxValues: 1000, hasMinutes: false },
  label: { maxValues: 200, hasMinutes: true },
  queueName: { maxValues: 200, hasMinutes: true },
  topicName: { maxValues: 200, hasMinutes: true },
  flowControlKey: { maxValues: 200, hasMinutes: true },
  responseStatus: { maxValues: 200, hasMinutes: true },
};
const groups = Object.keys(settings) as Group[];
const indexOf = Object.fromEntries(counterNames.map((name, index) => [name, index])) as Record<CounterName, number>;

export function createStatsCounter(redis: RedisConnection): StatsCounter {
  const createTallies = () => new Map<Group, Map<string, Tally>>(groups.map((group) => [group, new Map()]));
  let tallies = createTallies();
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let total = 0;
  let lastFlush = Promise.resolve();

  const find = (group: Group, value: string): Tally | undefined => {
    const known = tallies.get(group);
    let tally = known?.get(value);
    if (!tally && known && known.size < maxUnsent) {
      tally = { counts: counterNames.map(() => 0) };
      known.set(value, tally);
    }
    return tally;
  };

  /** The tallies that a message belongs to. */
  const listTallies = (message: Message): (Tally | undefined)[] => {
    const { labels, queueName, topicName, flowControl } = message;
    const found = [find('all', ''), find('host', hostOf(message.url))];
    if (labels) for (const label of labels) found.push(find('label', label));
    if (queueName !== undefined) found.push(find('queueName', queueName));
    if (topicName !== undefined) {
      found.push(find('topicName', topicName), find('endpoint', hashEndpoint(topicName, message.url)));
    }
    if (flowControl) found.push(find('flowControlKey', flowControl.key));
    return found;
  };

  const count = (found: readonly (Tally | undefined)[], ...names: CounterName[]) => {
    total++;
    for (const tally of found) {
      if (!tally) continue;
      for (const name of names) tally.counts[indexOf[name]] = (tally.counts[indexOf[name]] ?? 0) + 1;
    }
    timer ??= setTimeout(flushLater, flushAfterMs).unref();
  };

  const send = async () => {
    timer = undefined;
    const unsent = tallies;
    tallies = createTallies();
    const args: string[][] = [];
    for (const [group, values] of unsent) {
      for (const [value, { counts, buckets, last }] of values) {
        const { maxValues, hasMinutes } = settings[group];
        const record = [counts.join(), buckets?.join() ?? '', last ? JSON.stringify(last) : ''];
        args.push([group, value, String(maxValues), hasMinutes ? '1' : '', ...record]);
      }
    }
    for (let from = 0; from < args.length; from += sendAtOnce) {
      const some = args.slice(from, from + sendAtOnce).flat();
      await redis.countStats(keyspace.stats, ...some);
    }
    failures = 0;
  };
  const flushLater = () => {
    const unsent = tallies;
    lastFlush = send().catch(() => {
      failures++;
      // Nothing of this second is known to be written: it is added to the next one, unless that goes on for long.
      if (failures <= maxFailures) merge(unsent);
    });
  };
  const merge = (unsent: typeof tallies) => {
    for (const [group, values] of unsent) {
      for (const [value, { counts, buckets, last }] of values) {
        const tally = find(group, value);
        if (!tally) continue;
        addTo(tally.counts, counts);
        if (buckets) addTo((tally.buckets ??= createBuckets()), buckets);
        if (last) tally.last = { ...last, ...tally.last };
      }
    }
    timer ??= setTimeout(flushLater, flushAfterMs).unref();
  };

  return {
    accepted: (message) => count(listTallies(message), 'accepted'),
    canceled: (message) => count(listTallies(message), 'canceled'),
    settled(messageId, message, outcome) {
      if (outcome.kind === 'deferred') return;
      const { response, kind } = outcome;
      const found = listTallies(message);
      const [, host] = found;
      // A message that ends without a request had no attempt, and no status.
      const isAttempt = response.durationMs !== undefined;
      if (isAttempt) found.push(find('responseStatus', String(response.status)));
      if (host && response.durationMs !== undefined) {
        const bucket = findBucket(response.durationMs);
        const buckets = (host.buckets ??= createBuckets());
        buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      }
      if (kind === 'delivered') {
        count(found, 'attempts', 'delivered');
        if (host) host.last = { ...host.last, d: String(Date.now()) };
        return;
      }
      if (kind === 'retry') count(found, 'attempts', 'errors', 'retries');
      else if (isAttempt) count(found, 'attempts', 'errors', kind);
      else count(found, kind);
      if (host) host.last = { ...host.last, e: formatLastError(messageId, response.status, outcome.error) };
    },
    total: () => total,
    async flush() {
      clearTimeout(timer);
      flushLater();
      await lastFlush;
    },
  };
}

/** What is kept of the last error of a host. */
export interface LastError {
  time: number;
  messageId: string;
  responseStatus?: number;
  error: string;
}

function formatLastError(messageId: string, status: number, error: string): string {
  const last: LastError = { time: Date.now(), messageId, ...(status > 0 ? { responseStatus: status } : {}), error };
  return JSON.stringify(last);
}

const createBuckets = () => [...bucketEndsMs.map(() => 0), 0];

function findBucket(durationMs: number): number {
  const found = bucketEndsMs.findIndex((endMs) => durationMs <= endMs);
  return found < 0 ? bucketEndsMs.length : found;
}

function addTo(sum: number[], more: readonly number[]): void {
  for (const [index, value] of more.entries()) sum[index] = (sum[index] ?? 0) + value;
}

/** Parsing a URL takes longer than counting, and most messages go to URLs of earlier ones. */
const hosts = new Map<string, string>();
const maxHosts = 1000;

/** The host of a URL without its port, in lower case. */
export function hostOf(url: string): string {
  let host = hosts.get(url);
  if (host === undefined) {
    host = URL.canParse(url) ? new URL(url).hostname.toLowerCase() : '';
    if (hosts.size >= maxHosts) hosts.clear();
    hosts.set(url, host);
  }
  return host;
}

/** Hashing a URL takes longer than counting, and most messages go to endpoints of earlier ones. */
const endpointHashes = new Map<string, string>();
const maxEndpointHashes = 1000;

/** The name of an endpoint of a URL group in the counters: its URL may be long. */
export function hashEndpoint(topicName: string, url: string): string {
  const text = `${topicName} ${url}`;
  let hash = endpointHashes.get(text);
  if (hash === undefined) {
    hash = createHash('sha256').update(text).digest('base64url').slice(0, 22);
    if (endpointHashes.size >= maxEndpointHashes) endpointHashes.clear();
    endpointHashes.set(text, hash);
  }
  return hash;
}
