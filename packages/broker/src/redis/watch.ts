import type { Log } from '../process/log.ts';
import { within } from '../process/shutdown.ts';
import type { RedisConnection } from './connect.ts';
import { keyspace } from './keyspace.ts';

export interface WatchOptions {
  /** From this share of `maxmemory` on Redis is full, in percent: what drains it needs memory, too. */
  fullAtPercent: number;
  /** What keeps this process from its work; the rest is only told. */
  fatal: readonly Trouble[];
  /** Name of the data that Redis has (`agreeOnData`). */
  data: string;
  /** Redis was emptied, or is another one: agrees on its data anew, and gives the name of it. */
  emptied: () => Promise<string>;
}

/** What was measured last. */
export interface RedisState {
  answers: boolean;
  memoryUsedBytes: number;
  /** 0 for no limit. */
  memoryMaxBytes: number;
  /** How far the clock of this process is ahead of that of Redis. */
  clockOffsetMs: number;
}

/** What can be wrong. */
export type Trouble = 'away' | 'full' | 'read-only' | 'disk-failed' | 'clock-wrong' | 'clock-differs';

/** Looks at Redis and at its clock, about once a second and never for a request. */
export interface RedisWatch {
  /** Resolves when Redis has told its time once: before that nobody knows whether the clock is right. */
  hasLooked: Promise<void>;
  state(): RedisState;
  /** Looks now, and gives the first reason why this process cannot do its work. */
  findTrouble(): Promise<string | undefined>;
  /** As of the last look; a sentence that says what to do. */
  trouble(kind: Trouble): string | undefined;
  stop(): void;
}

const everyMs = 1000;
const answerWithinMs = 1000;
/** BullMQ decides by the clocks of its clients when a delay is over; all of them should be that of Redis. */
const noticeClockOffsetMs = 2000;
const maxClockOffsetMs = 60_000;

export function watchRedis(redis: RedisConnection, log: Log, options: WatchOptions): RedisWatch {
  const state: RedisState = { answers: true, memoryUsedBytes: 0, memoryMaxBytes: 0, clockOffsetMs: 0 };
  let troubles = new Map<Trouble, string>();
  let question: Promise<void> | undefined;
  let told: () => void;
  const hasLooked = new Promise<void>((resolve) => (told = resolve));

  let { data } = options;
  const tellIfEmptied = async (found: string | null) => {
    if ((found ?? '') === data) return;
    data = await options.emptied();
    log.error('redis.emptied');
  };

  const ask = async () => {
    // The time comes last: nothing but its own way to Redis and back makes it less exact.
    const sentAt = Date.now();
    const [info, found, time] = await Promise.all([
      askForInfo(redis),
      redis.hget(keyspace.settings, 'data'),
      redis.time(),
    ]);
    const receivedAt = Date.now();
    const redisNow = Number(time[0]) * 1000 + Number(time[1]) / 1000;
    // What lies within the time that the question took is no difference.
    const ahead = Math.max(0, sentAt - redisNow) - Math.max(0, redisNow - receivedAt);
    state.clockOffsetMs = Math.round(ahead);
    state.memoryUsedBytes = info.usedBytes;
    state.memoryMaxBytes = info.maxBytes;
    judge(info);
    told();
    await tellIfEmptied(found);
  };

  const judge = (info: Info | undefined) => {
    const found = findTroubles(info, state, options.fullAtPercent);
    for (const [kind, sentence] of found) {
      if (!troubles.has(kind)) log.warn({ kind, reason: sentence, ...writeState(state) }, 'trouble.started');
    }
    for (const kind of troubles.keys()) {
      if (!found.has(kind)) log.info({ kind, ...writeState(state) }, 'trouble.ended');
    }
    troubles = found;
    state.answers = !found.has('away');
  };

  /** One question at a time: a Redis that is frozen must not find a thousand of them. */
  const look = async () => {
    question ??= ask()
      .catch(() => judge(undefined))
      .finally(() => (question = undefined));
    if (!(await within(answerWithinMs, question))) judge(undefined);
  };

  void look();
  const timer = setInterval(() => void look(), everyMs);
  return {
    hasLooked,
    state: () => state,
    async findTrouble() {
      await look();
      return [...troubles].find(([kind]) => options.fatal.includes(kind))?.[1];
    },
    trouble: (kind) => troubles.get(kind),
    stop: () => clearInterval(timer),
  };
}

interface Info {
  usedBytes: number;
  maxBytes: number;
  isReplica: boolean;
  hasDiskFailed: boolean;
}

/** Of several nodes the one with the least room, and whatever is wrong with any of them. */
async function askForInfo(redis: RedisConnection): Promise<Info> {
  const nodes = redis.isCluster
    ? (redis as unknown as { nodes(role: 'master'): RedisConnection[] }).nodes('master')
    : [redis];
  const infos = await Promise.all(nodes.map(async (node) => readInfo(await node.info())));
  const share = ({ usedBytes, maxBytes }: Info) => (maxBytes > 0 ? usedBytes / maxBytes : 0);
  const fullest = infos.reduce((one, other) => (share(other) > share(one) ? other : one));
  return {
    ...fullest,
    isReplica: infos.some(({ isReplica }) => isReplica),
    hasDiskFailed: infos.some(({ hasDiskFailed }) => hasDiskFailed),
  };
}

function readInfo(text: string): Info {
  const read = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1] ?? '';
  return {
    // What Redis holds for its replicas and its file does not count towards its limit.
    usedBytes: Number(read('used_memory')) - Number(read('mem_not_counted_for_evict')),
    maxBytes: Number(read('maxmemory')),
    isReplica: read('role') === 'slave',
    hasDiskFailed: read('aof_last_write_status') === 'err',
  };
}

function findTroubles(info: Info | undefined, state: RedisState, fullAtPercent: number): Map<Trouble, string> {
  const found = new Map<Trouble, string>();
  if (!info) {
    found.set('away', 'Redis does not answer; start it, or set REDIS_URL to where it runs.');
    // A clock that was wrong is not right because nobody can say so: else work would go on before the next look.
    return judgeClock(found, state);
  }
  const { usedBytes, maxBytes } = info;
  const percent = maxBytes > 0 ? (100 * usedBytes) / maxBytes : 0;
  if (info.hasDiskFailed) found.set('disk-failed', 'Redis cannot write to its disk; make room on it.');
  if (info.isReplica) found.set('read-only', 'Redis is a replica and read-only; set REDIS_URL to the primary.');
  if (percent >= fullAtPercent) {
    found.set(
      'full',
      `Redis is full: ${Math.floor(percent)} % of its maxmemory are used, and new messages are refused from ${fullAtPercent} % on. Wait until messages are delivered, or raise maxmemory.`,
    );
  }
  return judgeClock(found, state);
}

function judgeClock(found: Map<Trouble, string>, { clockOffsetMs }: RedisState): Map<Trouble, string> {
  const offsetMs = Math.abs(clockOffsetMs);
  const clock = `The clock of this machine is ${offsetMs / 1000} s ${clockOffsetMs > 0 ? 'ahead of' : 'behind'} that of Redis; set both by NTP.`;
  if (offsetMs > maxClockOffsetMs) {
    found.set('clock-wrong', `${clock} Until then this process accepts and delivers no messages.`);
  } else if (offsetMs > noticeClockOffsetMs) found.set('clock-differs', clock);
  return found;
}

function writeState({ memoryUsedBytes, memoryMaxBytes, clockOffsetMs }: RedisState) {
  return { memoryUsedBytes, memoryMaxBytes, clockOffsetMs };
}
