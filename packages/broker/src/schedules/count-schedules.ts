import type { Overview } from '@posthorn/shared';
import type { RedisConnection } from '../engine/redis/connect.ts';
import { keyspace } from '../engine/redis/keyspace.ts';
import { pausedForever, scheduleFields } from './schedule.ts';

/** Counts all schedules and those that are paused, and finds the one that publishes next. */
export async function countSchedules(redis: RedisConnection): Promise<Overview['schedules']> {
  const ids = await redis.zrange(keyspace.dueSchedules, '0', '-1');
  const rows = await Promise.all(
    ids.map((id) => redis.hmget(keyspace.schedule(id), scheduleFields.next, scheduleFields.pausedUntil)),
  );
  const found = rows.map(([next, until], index) => ({
    scheduleId: ids[index] ?? '',
    time: Number(next ?? 0),
    isPaused: until === pausedForever,
  }));
  const running = found.filter(({ isPaused, time }) => !isPaused && time > 0).sort((a, b) => a.time - b.time);
  const [first] = running;
  return {
    count: found.length,
    paused: found.filter(({ isPaused }) => isPaused).length,
    ...(first ? { next: { scheduleId: first.scheduleId, time: first.time } } : {}),
  };
}
