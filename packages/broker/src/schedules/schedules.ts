import {
  PosthornError,
  randomText,
  parsePublishOptions,
  type Message,
  type Schedule,
  type ScheduledState,
} from '@posthorn/shared';
import { acceptTemplate, findTargets, type PublishRequest } from '../intake/accept.ts';
import { ensureQueues, findGroup, withDefaults, type PublishParts } from '../intake/publish.ts';
import { keyspace } from '../engine/redis/keyspace.ts';
import { readRedisTime } from '../engine/redis/time.ts';
import { endingMs, inlineBytes } from '../engine/shards/body.ts';
import { readByAge } from '../views/read-in-pieces.ts';
import { parseCron } from './cron.ts';
import { formatScheduleView } from './schedule-view.ts';
import {
  fieldNames,
  pausedForever,
  parseSchedule,
  scheduleFields,
  stateField,
  type Definition,
  type ScheduleState,
} from './schedule.ts';
import { releaseEnded } from './shared-body.ts';
import { createTrigger, type TriggerParts } from './trigger.ts';

/** Messages that are published again and again (contract D44). */
export interface Schedules {
  /**
   * Makes a schedule, in place of the one that has its id, and gives the id. All that a publish checks is checked now.
   *
   * @throws what a publish throws; `limit_exceeded` when there are too many
   */
  create(request: PublishRequest): Promise<string>;
  /** All of them, oldest first; a body that is too large to lie in a message is left out, and `bodyTruncated` says so. */
  list(): AsyncIterable<Schedule>;
  get(scheduleId: string): Promise<Schedule | undefined>;
  /** Says whether there is such a schedule. */
  setPaused(scheduleId: string, isPaused: boolean): Promise<boolean>;
  /** Messages that it has made are left alone. Says whether there was such a schedule. */
  remove(scheduleId: string): Promise<boolean>;
  /**
   * Publishes what is due, and skips times that have been missed for longer than `catchUpMs`. Any number of processes may
   * do it at once, and any of them may die. Resolves to the time until something may be due again, in ms.
   */
  fireDue(catchUpMs: number): Promise<number>;
  /** Tells the schedule that made a message, if one did, how it ended. Doing it twice changes nothing. */
  tellEnd(messageId: string, message: Message, state: Exclude<ScheduledState, 'IN_PROGRESS'>): Promise<void>;
}

/** Schedules that a list reads at a time: each may have 16 KiB of body, and headers. */
const schedulesAtOnce = 50;

export interface ScheduleParts extends TriggerParts {
  /** Only a process that makes schedules needs them. */
  publishLimits: () => PublishParts['limits'];
  maxSchedules: number;
}

export function createSchedules(parts: ScheduleParts): Schedules {
  const { redis, shards, bodies, guard, queues } = parts;

  async function read(scheduleId: string): Promise<ScheduleState | undefined> {
    return parseSchedule(await redis.hgetall(keyspace.schedule(scheduleId)));
  }

  /** @throws {PosthornError} `limit_exceeded` */
  async function put(scheduleId: string, definition: Definition, nextAt: number): Promise<void> {
    const before = await redis.putSchedule(
      keyspace.schedule(scheduleId),
      keyspace.dueSchedules,
      ...fieldNames,
      scheduleId,
      JSON.stringify(definition),
      definition.message.createdAt,
      nextAt,
      parts.maxSchedules,
    );
    if (before === -1) {
      await bodies.release(definition.message.body, scheduleId, 0);
      throw new PosthornError('limit_exceeded', `There can be at most ${parts.maxSchedules} schedules.`);
    }
    // Only now: the bytes of a schedule that was not stored expire by themselves.
    await bodies.confirm(definition.message.body);
    await forget(scheduleId, before);
  }

  /** The bytes of a schedule that is gone are needed by its messages alone. */
  async function forget(scheduleId: string, fields: readonly string[]): Promise<void> {
    const schedule = parseSchedule(readFields(fields));
    if (!schedule) return;
    const { body } = schedule.definition.message;
    await bodies.release(body, scheduleId, endingMs);
    await releaseEnded(
      parts,
      body,
      schedule.messages.map(({ messageId }) => messageId),
    );
  }

  return {
    async create(asked) {
      const { destination } = asked;
      const group = destination.kind === 'urlGroup' ? await findGroup(parts.urlGroups, destination.name) : undefined;
      findTargets(guard, destination, group);
      const request = withDefaults(asked, group);
      // The delay counts from each trigger, so there is no instant to wait for; each message is another one.
      const { notBefore: _, ...options } = parsePublishOptions(request.headers);
      const { cron = '', scheduleId = `scd_${randomText(22)}` } = options;
      const times = parseCron(cron);
      const createdAt = await readRedisTime(redis);
      const template = acceptTemplate({ guard, limits: parts.publishLimits() }, request, options, createdAt);
      await ensureQueues(queues, [template.queueName]);

      const body: Message['body'] = template.body ?? {
        kind: 'stored',
        key: shards.newId(createdAt).id,
        sizeBytes: request.body.length,
      };
      if (body.kind === 'stored') await bodies.put(body.key, request.body, [scheduleId]);
      const definition: Definition = {
        cron,
        destination,
        message: { ...template, body, scheduleId },
        ...(options.timeoutMs === undefined ? {} : { timeoutMs: template.timeoutMs }),
      };
      await put(scheduleId, definition, times.next(createdAt));
      return scheduleId;
    },

    async *list() {
      const ids = await redis.zrange(keyspace.dueSchedules, 0, '-1');
      yield* readByAge(ids, schedulesAtOnce, async (id) => {
        const schedule = await read(id);
        if (!schedule) return undefined;
        return formatScheduleView(id, schedule, inlineBytes(schedule.definition.message.body));
      });
    },

    async get(scheduleId) {
      const schedule = await read(scheduleId);
      if (!schedule) return undefined;
      const bytes = await bodies.read(schedule.definition.message.body);
      return formatScheduleView(scheduleId, schedule, bytes ?? Buffer.alloc(0));
    },

    async setPaused(scheduleId, isPaused) {
      const key = keyspace.schedule(scheduleId);
      const { definition, pausedUntil } = scheduleFields;
      if (isPaused) return (await redis.setField(key, definition, pausedUntil, pausedForever)) === 1;
      const [exists, now] = await Promise.all([redis.hexists(key, definition), readRedisTime(redis)]);
      // What was due until now has passed, even if no dispatcher has seen it yet. One that is not paused stays as it is.
      if (exists === 1) await redis.replaceField(key, pausedUntil, pausedForever, String(now), 0);
      return exists === 1;
    },

    async remove(scheduleId) {
      const key = keyspace.schedule(scheduleId);
      const before = await redis.putSchedule(key, keyspace.dueSchedules, ...fieldNames, scheduleId, '', 0, 0, 0);
      if (before === -1 || before.length === 0) return false;
      await forget(scheduleId, before);
      return true;
    },

    fireDue: createTrigger(parts),

    async tellEnd(messageId, { scheduleId, createdAt }, state) {
      if (scheduleId === undefined) return;
      const field = stateField(createdAt, messageId);
      await redis.setField(keyspace.schedule(scheduleId), field, field, state);
    },
  };
}

/** Names and values in turn, as a script gives them. */
function readFields(list: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let index = 0; index + 1 < list.length; index += 2) fields[list[index] ?? ''] = list[index + 1] ?? '';
  return fields;
}
