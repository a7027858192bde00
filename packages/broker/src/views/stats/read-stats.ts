import {
  counterNames,
  PosthornError,
  statGroups,
  type Counters,
  type Stats,
  type StatGroup,
  type StatsQuery,
  type UrlGroup,
  type UrlGroupStats,
} from '@posthorn/shared';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import { readInPieces } from '../read-in-pieces.ts';
import { bucketEndsMs, hashEndpoint, type LastError } from './counter.ts';

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;
const minutesKeptMs = 2 * dayMs;
const hoursKeptMs = 30 * dayMs;
const maxPoints = 1000;
/** Values of a group whose days are read at once. */
const valuesAtOnce = 50;
/** Points of a response that asks for no step, about. */
const goodPoints = 120;
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * minuteMs);

/** Counts and durations of one host. */
export interface HostStats {
  host: string;
  counts: Counters;
  p50Ms: number;
  p95Ms: number;
  lastDeliveredAt?: number;
  lastError?: LastError;
}

/** What was counted, as `createStatsCounter` writes it. */
export interface StatsReader {
  /** @throws {PosthornError} `invalid_request` for a step that there are no counts for */
  read(query: StatsQuery): Promise<Stats>;
  /**
   * Every host with an attempt or a message between two instants of the last 30 days; whole hours are looked at.
   *
   * @throws {PosthornError} `invalid_request` unless the first is before the second
   */
  readHosts(from: number | undefined, to: number | undefined): Promise<HostStats[]>;
  /**
   * What was counted of each endpoint of a URL group, between two instants as in `readHosts`: of the messages that were
   * published to the group.
   *
   * @throws {PosthornError} `invalid_request` unless the first is before the second
   */
  readEndpoints(group: UrlGroup, from: number | undefined, to: number | undefined): Promise<UrlGroupStats>;
  /** Values of a group that were counted today or yesterday. */
  listValues(group: StatGroup): Promise<string[]>;
}

export function createStatsReader(redis: RedisConnection): StatsReader {
  const key = (kind: 'h' | 'd' | 'k', group: string, period: number, value?: string) =>
    `${keyspace.stats}${kind}:${group}:${period}${value === undefined ? '' : `:${value}`}`;

  /** The records of one value by the start of their minute or hour; `days` are those that have any, for hours. */
  async function readRecords(
    group: string,
    value: string,
    { from, to, isHourly }: { from: number; to: number; isHourly: boolean },
    days?: readonly number[],
  ): Promise<[startAt: number, record: number[]][]> {
    const [periodMs, unitMs, kind] = isHourly ? ([dayMs, hourMs, 'd'] as const) : ([hourMs, minuteMs, 'h'] as const);
    const hashes = await Promise.all(
      (days ?? listPeriods(from, to, periodMs)).map((period) => redis.hgetall(key(kind, group, period, value))),
    );
    return hashes.flatMap((fields) =>
      Object.entries(fields)
        .map(([start, text]): [number, number[]] => [Number(start) * unitMs, text.split(',').map(Number)])
        .filter(([startAt]) => startAt >= from && startAt < to),
    );
  }

  /** The values of a group that were counted, each with its days. */
  async function listDays(group: StatGroup, from: number, to: number): Promise<Map<string, number[]>> {
    const days = listPeriods(from, to, dayMs);
    const lists = await Promise.all(days.map((day) => redis.smembers(key('k', group, day))));
    const daysOf = new Map<string, number[]>();
    for (const [index, day] of days.entries()) {
      for (const value of lists[index] ?? []) {
        const known = daysOf.get(value);
        if (known) known.push(day);
        else daysOf.set(value, [day]);
      }
    }
    return daysOf;
  }

  /** The records of many values per hour, a few values at a time. Days without a count of a value cost nothing. */
  function readHours(
    group: StatGroup,
    daysOf: ReadonlyMap<string, number[]>,
    hourly: ReturnType<typeof toHours>,
  ): AsyncGenerator<{ value: string; records: [startAt: number, record: number[]][] }> {
    return readInPieces([...daysOf.keys()], valuesAtOnce, async (value) => ({
      value,
      records: await readRecords(group, value, hourly, daysOf.get(value)),
    }));
  }

  return {
    async read(query) {
      const bounds = chooseBounds(query, Date.now());
      const { from, to, step } = bounds;
      const named = statGroups.find((name) => name in query && query[name as keyof StatsQuery] !== undefined);
      const value = named === undefined ? '' : ((query[named as keyof StatsQuery] as string[])[0] ?? '');
      const readSeries = async (group: string, one: string) => {
        const points = Array.from({ length: Math.round((to - from) / step) }, (_, index) => ({
          time: from + index * step,
          ...noCounts(),
        }));
        for (const [startAt, record] of await readRecords(group, one, bounds)) {
          const point = points[Math.floor((startAt - from) / step)];
          if (point) addCounts(point, record);
        }
        return { key: one, points };
      };
      const total = await readSeries(named ?? 'all', value);
      const totals = sumPoints(total.points);
      const { groupBy, top: max = 10 } = query;
      if (groupBy === undefined) return { from, to, step, totals, series: [total], top: [] };

      const countOf = (counts: Counters) =>
        groupBy === 'responseStatus' ? counts.attempts : counts.accepted || counts.attempts;
      // Whole hours tell which values matter; only those are read in full.
      const daysOf =
        named === undefined ? await listDays(groupBy, from, to) : new Map([[value, listPeriods(from, to, dayMs)]]);
      const sums: { one: string; count: number }[] = [];
      for await (const { value: one, records } of readHours(groupBy, daysOf, toHours(from, to))) {
        const counts = noCounts();
        for (const [, record] of records) addCounts(counts, record);
        sums.push({ one, count: countOf(counts) });
      }
      const kept = sums
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.count - a.count || a.one.localeCompare(b.one))
        .slice(0, max);
      const series = await Promise.all(kept.map(({ one }) => readSeries(groupBy, one)));
      const top = series
        .map(({ key, points }) => ({ key, count: countOf(sumPoints(points)) }))
        .filter(({ count }) => count > 0)
        .sort((a, b) => b.count - a.count);
      // A series for each of up to 50 values has a thousand points together at most.
      const isShort = series.length * Math.round((to - from) / step) <= maxPoints;
      return { from, to, step, totals, series: isShort ? series : [total], top };
    },

    async readHosts(asked, end) {
      const { from, to } = limitTimes(asked, end, Date.now());
      const [daysOf, ...lasts] = await Promise.all([
        listDays('host', from, to),
        ...listPeriods(from, to, dayMs).map((day) => redis.hgetall(`${keyspace.stats}l:${day}`)),
      ]);
      const last: Record<string, string> = Object.assign({}, ...lasts) as Record<string, string>;
      const found: HostStats[] = [];
      for await (const { value: host, records } of readHours('host', daysOf, toHours(from, to))) {
        const counts = noCounts();
        const buckets = [...bucketEndsMs.map(() => 0), 0];
        for (const [, record] of records) {
          addCounts(counts, record);
          for (const index of buckets.keys()) {
            buckets[index] = (buckets[index] ?? 0) + (record[counterNames.length + index] ?? 0);
          }
        }
        const [deliveredAt, error] = [last[`d:${host}`], last[`e:${host}`]];
        found.push({
          host,
          counts,
          p50Ms: estimateQuantile(buckets, 0.5),
          p95Ms: estimateQuantile(buckets, 0.95),
          ...(deliveredAt === undefined ? {} : { lastDeliveredAt: Number(deliveredAt) }),
          ...(error === undefined ? {} : { lastError: JSON.parse(error) as LastError }),
        });
      }
      return found;
    },

    async readEndpoints({ name: topicName, endpoints }, asked, end) {
      const times = limitTimes(asked, end, Date.now());
      const hourly = toHours(times.from, times.to);
      const found = endpoints.map(async ({ url, name }) => {
        const counts = noCounts();
        for (const [, record] of await readRecords('endpoint', hashEndpoint(topicName, url), hourly)) {
          addCounts(counts, record);
        }
        const { attempts, delivered, errors, failed } = counts;
        const rate = successRateOf(counts);
        return { url, ...(name === undefined ? {} : { name }), attempts, delivered, errors, failed, successRate: rate };
      });
      return { from: hourly.from, to: hourly.to, endpoints: await Promise.all(found) };
    },

    listValues: async (group) => [...(await listDays(group, Date.now() - dayMs, Date.now())).keys()],
  };
}

function chooseBounds({ from, to, step }: StatsQuery, now: number) {
  const { from: start, to: end } = limitTimes(from, to, now);
  const isOld = start < now - minutesKeptMs;
  const minMs = isOld ? hourMs : minuteMs;
  const chosen = step ?? Math.max(minMs, steps.find((one) => (end - start) / one <= goodPoints) ?? dayMs);
  if (chosen % minMs !== 0) {
    const text = isOld
      ? 'a multiple of 3600000: counts from before two days are kept per hour'
      : 'a multiple of 60000: counts are kept per minute';
    throw new PosthornError('invalid_request', `step: use ${text}`);
  }
  const bounds = { from: floor(start, chosen), to: ceil(end, chosen), step: chosen, isHourly: chosen % hourMs === 0 };
  if ((bounds.to - bounds.from) / chosen > maxPoints) {
    throw new PosthornError('invalid_request', `step: use a larger one; there can be at most ${maxPoints} points`);
  }
  return bounds;
}

/** What is counted between two instants, of which neither is further away than counts are kept. */
function limitTimes(from: number | undefined, to: number | undefined, now: number): { from: number; to: number } {
  const end = Math.min(to ?? now, now + minuteMs);
  const start = Math.max(from ?? end - dayMs, now - hoursKeptMs);
  if (start >= end) throw new PosthornError('invalid_request', 'from: use a time before `to` and within 30 days');
  return { from: start, to: end };
}

function listPeriods(from: number, to: number, periodMs: number): number[] {
  const first = Math.floor(from / periodMs);
  return Array.from({ length: Math.max(0, Math.floor((to - 1) / periodMs) - first + 1) }, (_, index) => first + index);
}

/** The whole hours that contain a time. */
const toHours = (from: number, to: number) => ({ from: floor(from, hourMs), to: ceil(to, hourMs), isHourly: true });

const floor = (time: number, unitMs: number) => Math.floor(time / unitMs) * unitMs;
const ceil = (time: number, unitMs: number) => Math.ceil(time / unitMs) * unitMs;

function noCounts(): Counters {
  return { accepted: 0, delivered: 0, failed: 0, canceled: 0, attempts: 0, errors: 0, retries: 0 };
}

function addCounts(sum: Counters, record: readonly number[]): void {
  for (const [index, name] of counterNames.entries()) sum[name] += record[index] ?? 0;
}

function sumPoints(points: readonly Counters[]): Counters {
  const sum = noCounts();
  for (const point of points) for (const name of counterNames) sum[name] += point[name];
  return sum;
}

/** The share of attempts that succeeded, from 0 to 1 with four digits; 1 without attempts. */
export function successRateOf({ attempts, errors }: Pick<Counters, 'attempts' | 'errors'>): number {
  return attempts === 0 ? 1 : Math.round((1 - errors / attempts) * 10_000) / 10_000;
}

/** The duration that this share of all attempts has not exceeded, interpolated inside of its bucket. */
export function estimateQuantile(buckets: readonly number[], share: number): number {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  let left = total * share;
  for (const [index, count] of buckets.entries()) {
    const startMs = bucketEndsMs[index - 1] ?? 0;
    const endMs = bucketEndsMs[index] ?? startMs;
    if (count > 0 && left <= count) return Math.round(startMs + ((endMs - startMs) * left) / count);
    left -= count;
  }
  return 0;
}
