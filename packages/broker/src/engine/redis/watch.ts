import { everySecond, within, type Log } from '@posthorn/process';
import type { RedisConnection } from './connect.ts';
import { explainRefusal } from './explain.ts';
import { isDenied, isRefusal } from './faults.ts';
import { explainEviction, isReplica } from './inspect.ts';
import { keyspace } from './keyspace.ts';
import { formatGrant } from './rights.ts';
import { createServerReader, type Durability, type ServerState } from './server-state.ts';

export interface WatchOptions {
  /** From this share of `maxmemory` on Redis is full, in percent: what drains it needs memory, too. */
  fullAtPercent: number;
  /** What the operator wants Redis to promise. */
  durability: 'always' | 'everysec';
  /** Trouble that stops the work of this process; other trouble is only logged. */
  fatal: readonly Trouble[];
  /** Name of the data that Redis has (`agreeOnData`). */
  data: string;
  /** Called when Redis was emptied or is another one: agrees on its data again and resolves to the name of it. */
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
  durability: Durability;
}

/** What can be wrong. */
export type Trouble =
  | 'unavailable'
  | 'denied'
  | 'full'
  | 'read-only'
  | 'refuses-writes'
  | 'disk-failed'
  | 'snapshot-failed'
  | 'evicting'
  | 'less-durable'
  | 'clock-wrong'
  | 'clock-differs';

/**
 * Looks at Redis, at its settings and at its clock: about once a second, at once after each reconnection, and never for a
 * request. A process without work looks less often (`followWork`). The log gets one line when a trouble starts and one
 * when it ends.
 */
export interface RedisWatch {
  /** Resolves when Redis has reported its time once. Before that, it is unknown whether the clock is right. */
  hasLooked: Promise<void>;
  state(): RedisState;
  /** Looks now, and gives the first reason why this process cannot do its work. */
  findTrouble(): Promise<string | undefined>;
  /** As of the last look; a sentence that says what to do. */
  trouble(kind: Trouble): string | undefined;
  /**
   * From now on looks only every five seconds while this count stays the same, nothing is wrong, and the clock of this
   * process does not jump.
   */
  followWork(count: () => number): void;
  stop(): void;
}

const answerWithinMs = 1000;
/** BullMQ decides by the clocks of its clients when a delay is over; all of them should be that of Redis. */
const noticeClockOffsetMs = 2000;
const maxClockOffsetMs = 60_000;
const idleLookSeconds = 5;

export function watchRedis(redis: RedisConnection, log: Log, options: WatchOptions): RedisWatch {
  const state: RedisState = {
    answers: true,
    memoryUsedBytes: 0,
    memoryMaxBytes: 0,
    clockOffsetMs: 0,
    durability: 'unknown',
  };
  const readServer = createServerReader(redis);
  /** Why Redis refuses this process, as of the last error. */
  let denial: string | undefined;
  const rememberDenial = (error: Error) => {
    denial = explainDenial(error, redis);
  };
  let troubles = new Map<Trouble, string>();
  let question: Promise<void> | undefined;
  let endFirstLook: () => void;
  const hasLooked = new Promise<void>((resolve) => (endFirstLook = resolve));

  let { data } = options;
  const agreeIfEmptied = async (found: string | null) => {
    if ((found ?? '') === data) return;
    data = await options.emptied();
    log.error('redis.emptied');
  };

  const ask = async () => {
    const [server, found] = await Promise.all([readServer(), redis.hget(keyspace.settings, 'data')]);
    // The time comes last: only its own round trip then makes it less exact.
    const sentAt = Date.now();
    // A replica always refuses, and ioredis would look for the primary after each refusal.
    const [refusal, time] = await Promise.all([server.isReplica ? undefined : tryWrite(), redis.time()]);
    const receivedAt = Date.now();
    const redisNow = Number(time[0]) * 1000 + Number(time[1]) / 1000;
    // What lies within the time that the question took is no difference.
    const ahead = Math.max(0, sentAt - redisNow) - Math.max(0, redisNow - receivedAt);
    state.clockOffsetMs = Math.round(ahead);
    state.memoryUsedBytes = server.usedBytes;
    state.memoryMaxBytes = server.maxBytes;
    state.durability = server.durability;
    denial = isDenied(refusal) ? explainDenial(refusal, redis) : undefined;
    judge(server, refusal);
    endFirstLook();
    await agreeIfEmptied(found);
  };

  const tryWrite = () =>
    redis.tryWrite(keyspace.writeProbe).then(
      () => undefined,
      (error: unknown) => {
        if (isRefusal(error) || isDenied(error)) return error as Error;
        throw error;
      },
    );

  const judge = (server: ServerState | undefined, refusal?: Error) => {
    const found = findTroubles(server, state, { denial, refusal }, options);
    for (const [kind, sentence] of found) {
      if (!troubles.has(kind)) log.warn({ kind, reason: sentence, ...formatState(state) }, 'trouble.started');
    }
    for (const kind of troubles.keys()) {
      if (!found.has(kind)) log.warn({ kind, ...formatState(state) }, 'trouble.ended');
    }
    troubles = found;
    state.answers = server !== undefined;
  };

  /** One look at a time: a frozen Redis must not find a thousand commands when it continues. */
  const look = async () => {
    question ??= ask()
      .catch((error: unknown) => {
        // The error of the connection explains best why it does not work.
        if (isDenied(error)) rememberDenial(error);
        judge(undefined);
      })
      .finally(() => (question = undefined));
    if (!(await within(answerWithinMs, question))) judge(undefined);
  };

  redis.on('error', rememberDenial);
  const lookAgain = () => void look();
  redis.on('ready', lookAgain);
  lookAgain();
  let countWork: (() => number) | undefined;
  let workBefore = 0;
  let clockBefore = readClock();
  const looks = everySecond((second) => {
    const work = countWork?.() ?? 0;
    const clock = readClock();
    const isIdle =
      work === workBefore && troubles.size === 0 && Math.abs(clock - clockBefore) < noticeClockOffsetMs / 2;
    workBefore = work;
    clockBefore = clock;
    if (!countWork || !isIdle || second % idleLookSeconds === 0) lookAgain();
  });
  return {
    hasLooked,
    state: () => state,
    async findTrouble() {
      await look();
      return [...troubles].find(([kind]) => options.fatal.includes(kind))?.[1];
    },
    trouble: (kind) => troubles.get(kind),
    followWork(count) {
      countWork = count;
    },
    stop() {
      looks.stop();
      redis.off('error', rememberDenial);
      redis.off('ready', lookAgain);
    },
  };
}

/** How far the clock of this process is ahead of one that cannot be set. */
const readClock = () => Date.now() - performance.now();

function explainDenial(error: Error, redis: RedisConnection): string | undefined {
  const refusal = explainRefusal(error);
  if (refusal ?? !isDenied(error)) return refusal;
  return `REDIS_URL: a right was withdrawn from the Redis user (${error.message.trim()}); grant it again: ${formatGrant(redis)}`;
}

function findTroubles(
  server: ServerState | undefined,
  state: RedisState,
  { denial, refusal }: { denial: string | undefined; refusal: Error | undefined },
  { fullAtPercent, durability }: WatchOptions,
): Map<Trouble, string> {
  const found = new Map<Trouble, string>();
  if (!server) {
    if (denial) found.set('denied', denial);
    else found.set('unavailable', 'Redis does not answer; start it, or set REDIS_URL to where it runs.');
    // A clock that was wrong still counts as wrong, or work would go on before the next look.
    return judgeClock(found, state);
  }
  const { usedBytes, maxBytes } = server;
  const percent = maxBytes > 0 ? (100 * usedBytes) / maxBytes : 0;
  const disk = explainDisk(server);
  if (disk) found.set(...disk);
  if (server.isReplica) found.set('read-only', isReplica);
  if (denial) found.set('denied', denial);
  else if (refusal && !disk) {
    const text = refusal.message.trim();
    found.set('refuses-writes', `Redis answers, but refuses writes (${text}); mend that, see the log of Redis.`);
  }
  if (server.evictionPolicy !== 'noeviction') found.set('evicting', explainEviction(server));
  const less = explainDurability(server.durability, durability);
  if (less) found.set('less-durable', less);
  if (percent >= fullAtPercent) {
    found.set(
      'full',
      `Redis is full: ${Math.floor(percent)} % of its maxmemory are used, and new messages are refused from ${fullAtPercent} % on. Wait until messages are delivered, or raise maxmemory.`,
    );
  }
  return judgeClock(found, state);
}

function explainDisk(server: ServerState): [Trouble, string] | undefined {
  if (server.hasAofFailed) {
    return ['disk-failed', 'Redis cannot write its append-only file and refuses writes; make room on its disk.'];
  }
  if (!server.hasSnapshotFailed) return undefined;
  const failed = 'The last snapshot of Redis (BGSAVE) failed';
  const advice = 'see the log of Redis, and make room on its disk or repair its directory';
  return server.needsSnapshot
    ? ['disk-failed', `${failed}, and Redis refuses writes until one succeeds; ${advice}.`]
    : ['snapshot-failed', `${failed}; ${advice}.`];
}

function explainDurability(durability: Durability, asked: 'always' | 'everysec'): string | undefined {
  switch (durability) {
    case 'none':
      return 'Redis has no append-only file: accepted messages can be lost when Redis ends. Set appendonly yes.';
    case 'unknown':
      return 'posthorn may not run CONFIG GET, so it does not know how durable accepted messages are; allow it (+config|get).';
    case asked:
    case 'always':
      return undefined;
    default:
      return `DURABILITY is ${asked}, but Redis runs with appendfsync ${durability}: a power cut can take accepted messages.`;
  }
}

function judgeClock(found: Map<Trouble, string>, { clockOffsetMs }: RedisState): Map<Trouble, string> {
  const offsetMs = Math.abs(clockOffsetMs);
  const clock = `The clock of this machine is ${offsetMs / 1000} s ${clockOffsetMs > 0 ? 'ahead of' : 'behind'} that of Redis; set both by NTP.`;
  if (offsetMs > maxClockOffsetMs) {
    found.set('clock-wrong', `${clock} Until then this process accepts and delivers no messages.`);
  } else if (offsetMs > noticeClockOffsetMs) found.set('clock-differs', clock);
  return found;
}

function formatState({ memoryUsedBytes, memoryMaxBytes, clockOffsetMs }: RedisState) {
  return { memoryUsedBytes, memoryMaxBytes, clockOffsetMs };
}
