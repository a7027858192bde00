import { groupNotFound, type UrlGroup } from '@posthorn/shared';
import { findTargets } from '../intake/accept.ts';
import { store } from '../intake/store.ts';
import { keyspace } from '../engine/redis/keyspace.ts';
import { parseSchedule } from './schedule.ts';
import type { ScheduleParts } from './schedules.ts';

/**
 * Publishes the message of a schedule now; the times of the schedule and what it knows of them stay as they are. Resolves
 * to the ids of the messages, one for each endpoint of a URL group; `undefined` when there is no such schedule.
 *
 * @throws {PosthornError | DestinationError} as a publish does, and Redis' own errors
 */
export async function runSchedule(parts: ScheduleParts, scheduleId: string): Promise<string[] | undefined> {
  const { redis, shards, bodies, guard, urlGroups, queues } = parts;
  const schedule = parseSchedule(await redis.hgetall(keyspace.schedule(scheduleId)));
  if (!schedule) return undefined;
  const { destination, message } = schedule.definition;
  let group: UrlGroup | undefined;
  if (destination.kind === 'urlGroup') {
    group = await urlGroups.get(destination.name);
    if (!group) throw groupNotFound(destination.name);
  }
  const targets = findTargets(guard, destination, group);
  if (message.queueName !== undefined) await queues.ensure(message.queueName);
  const createdAt = Date.now();
  const notBefore = createdAt + message.notBefore - message.createdAt;
  const messages = targets.map((target) => ({
    ...shards.newId(createdAt),
    message: { ...message, ...target, createdAt, notBefore },
  }));
  const ids = messages.map(({ id }) => id);
  await bodies.hold(message.body, ids);
  const [stored = []] = await store(parts, [{ isGroup: group !== undefined, bytes: Buffer.alloc(0), messages }]);
  for (const result of stored) if ('error' in result) throw result.error;
  return ids;
}
