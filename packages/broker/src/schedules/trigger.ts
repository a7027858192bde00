import { DestinationError, PosthornError, type ScheduledState } from '@posthorn/shared';
import type { Log } from '@posthorn/process';
import type { DestinationGuard } from '../destinations/destination-guard.ts';
import type { RedisConnection } from '../engine/redis/connect.ts';
import { deriveId } from '../engine/shards/derive-id.ts';
import { findTargets } from '../intake/accept.ts';
import { ensureQueues } from '../intake/publish.ts';
import { requireStored, store, type Draft, type StoreParts } from '../intake/store.ts';
import type { UrlGroups } from '../url-groups/url-groups.ts';
import type { Queues } from '../views/queues/queues.ts';
import { keyspace } from '../engine/redis/keyspace.ts';
import { parseCron, type Cron } from './cron.ts';
import { fieldNames, pausedForever, parseSchedule, stateField, type Definition } from './schedule.ts';
import { keepForPending, releaseEnded } from './shared-body.ts';

/** Maximum number of schedules that are claimed at once: a few milliseconds of work. */
const atOnce = 100;
/** A process that claims schedules has this long to trigger them. Then another process may claim them. */
const claimMs = 3000;
/** A trigger that is done again after a crash makes the same messages; they are not stored twice within this time. */
const rememberedMs = 600_000;
const maxKnownCrons = 1000;
/** While Redis is full, due schedules are tried again after this time. */
const whileFullMs = 1000;

export interface TriggerParts extends StoreParts {
  redis: RedisConnection;
  log: Log;
  guard: DestinationGuard;
  urlGroups: UrlGroups;
  queues: Queues;
  /** Redis has no room for new messages. */
  isFull: () => boolean;
}

/** A time of a schedule that has come, and is this process' to handle for a while. */
interface Claim {
  scheduleId: string;
  definition: Definition;
  createdAt: number;
  tickAt: number;
  pausedUntil: number;
}

const bodyIsGoneText = 'the body of the schedule is not there any more';

/**
 * Makes messages of due schedules, in an order in which a crash at any point neither loses nor doubles a message: the
 * ids of the messages are derived from the schedule and the time. They are noted, the messages are stored, and then the
 * schedule advances to its next time. Doing it again after a crash has the same result.
 */
export function createTrigger(parts: TriggerParts): (catchUpMs: number) => Promise<number> {
  const { redis, log, shards, bodies, guard, urlGroups, queues, isFull } = parts;
  /** Parsing an expression takes longer than the rest of a trigger. */
  const crons = new Map<string, Cron>();

  return async (catchUpMs) => {
    // While Redis is full, messages are delivered but none are created. A time that passes meanwhile counts as missed.
    if (isFull()) return whileFullMs;
    const prefix = keyspace.schedule('');
    const due = keyspace.dueSchedules;
    const [now, waitMs, ...rows] = await redis.claimSchedules(due, ...fieldNames, prefix, atOnce, claimMs);
    const oldest = now - catchUpMs;
    const begun: { claim: Claim; draft: Draft }[] = [];
    await Promise.all(
      rows.map(async (row) => {
        const claim = readClaim(row);
        await guarded(claim, async () => {
          const draft = await begin(claim, oldest, catchUpMs + rememberedMs);
          if (draft) begun.push({ claim, draft });
        });
      }),
    );
    const results = await store(
      parts,
      begun.map(({ draft }) => draft),
    );
    await Promise.all(
      begun.map(({ claim, draft }, index) =>
        guarded(claim, async () => {
          requireStored(results[index] ?? []);
          const { body } = claim.definition.message;
          const pending = await releaseEnded(parts, body, idsOf(draft));
          // A schedule that is removed at this moment removes its body from messages that do not exist yet.
          if (!(await advance(claim, oldest, 'published'))) await keepForPending(parts, body, pending);
          log.debug({ scheduleId: claim.scheduleId, messages: draft.messages.length }, 'schedule.fired');
        }),
      ),
    );
    if (rows.length === atOnce) return 0;
    // A schedule that is created meanwhile is due at the start of a minute, too.
    const minuteMs = 60_000 - (now % 60_000);
    return waitMs < 0 ? minuteMs : Math.min(waitMs, minuteMs);
  };

  /** What goes wrong with one schedule leaves the others alone; it is tried again when the claim is over. */
  async function guarded({ scheduleId }: Claim, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.error({ scheduleId, err: error }, 'schedule.broken');
    }
  }

  /** The messages of a trigger, noted and not stored; `undefined` if it makes none. */
  async function begin(claim: Claim, oldest: number, rememberMs: number): Promise<Draft | undefined> {
    const { scheduleId, createdAt, tickAt, pausedUntil } = claim;
    if (tickAt <= pausedUntil || tickAt < oldest) {
      if (tickAt > pausedUntil) log.warn({ scheduleId, tickAt }, 'schedule.missed');
      await giveUp(claim, oldest, 'skipped');
      return undefined;
    }
    let draft: Draft;
    try {
      draft = await makeMessages(claim, rememberMs);
    } catch (error) {
      if (!(error instanceof PosthornError || error instanceof DestinationError)) throw error;
      log.warn({ scheduleId, reason: error.message }, 'schedule.failed');
      await giveUp(claim, oldest, 'failed', error.message);
      return undefined;
    }
    const ids = idsOf(draft);
    const isBegun = await redis.beginTrigger(
      keyspace.schedule(scheduleId),
      ...fieldNames,
      createdAt,
      tickAt,
      pausedForever,
      'IN_PROGRESS' satisfies ScheduledState,
      ...ids.map((id) => stateField(tickAt, id)),
    );
    if (isBegun === 0) return undefined;
    if (await bodies.hold(claim.definition.message.body, ids)) return draft;
    // The process that stored the schedule has died before it confirmed the body, and never acknowledged it.
    log.warn({ scheduleId, reason: bodyIsGoneText }, 'schedule.failed');
    await giveUp(claim, oldest, 'failed', bodyIsGoneText);
    return undefined;
  }

  /** @throws {PosthornError | DestinationError} for what will not pass by itself: an unknown group, a forbidden address */
  async function makeMessages(
    { scheduleId, definition, createdAt, tickAt }: Claim,
    rememberMs: number,
  ): Promise<Draft> {
    const { destination, message } = definition;
    const isGroup = destination.kind === 'urlGroup';
    const targets = findTargets(guard, destination, isGroup ? await urlGroups.get(destination.name) : undefined);
    await ensureQueues(queues, [message.queueName]);
    const notBefore = tickAt + message.notBefore - message.createdAt;
    const messages = targets.map((target) => {
      const cause = [scheduleId, createdAt, tickAt, target.url, target.endpointName ?? ''].join(' ');
      const { id: anyId, shard } = shards.newId(tickAt, cause);
      const id = deriveId(anyId, cause);
      const once = { key: id, forMs: rememberMs };
      return { id, shard, once, message: { ...message, ...target, createdAt: tickAt, notBefore } };
    });
    // The bytes lie in the message, or where the schedule has put them.
    return { isGroup, bytes: Buffer.alloc(0), messages };
  }

  /** The trigger is over without messages. Somebody may have noted some before, and died. */
  async function giveUp(claim: Claim, oldest: number, result: 'skipped' | 'failed', error = ''): Promise<void> {
    const { body } = claim.definition.message;
    if (body.kind === 'stored') {
      const { messages = [] } = parseSchedule(await redis.hgetall(keyspace.schedule(claim.scheduleId))) ?? {};
      await releaseEnded(
        parts,
        body,
        messages.map(({ messageId }) => messageId),
      );
    }
    await advance(claim, oldest, result, error);
  }

  /** Resolves to whether the schedule is still the one that was claimed. */
  async function advance(
    { scheduleId, definition, createdAt, tickAt }: Claim,
    oldest: number,
    result: 'published' | 'skipped' | 'failed',
    error = '',
  ): Promise<boolean> {
    // Times that were missed for too long are passed over in one step.
    const nextAt = readKnownCron(definition.cron).next(Math.max(tickAt, oldest - 1));
    const advanced = await redis.advanceSchedule(
      keyspace.schedule(scheduleId),
      keyspace.dueSchedules,
      ...fieldNames,
      scheduleId,
      createdAt,
      tickAt,
      nextAt,
      result,
      error,
      stateField(tickAt, ''),
    );
    return advanced !== -1;
  }

  function readKnownCron(text: string): Cron {
    const cron = crons.get(text) ?? parseCron(text);
    if (crons.size >= maxKnownCrons) crons.clear();
    crons.set(text, cron);
    return cron;
  }
}

function readClaim([scheduleId, definition, createdAt, next, pausedUntil]: [
  string,
  string,
  string,
  string,
  string,
]): Claim {
  return {
    scheduleId,
    definition: JSON.parse(definition) as Definition,
    createdAt: Number(createdAt),
    tickAt: Number(next),
    pausedUntil: pausedUntil === pausedForever ? Infinity : Number(pausedUntil),
  };
}

function idsOf({ messages }: Draft): string[] {
  return messages.map(({ id }) => id);
}
