import type { Message } from '@posthorn/shared';
import { logFields } from '../log/log-fields.ts';
import { redactMessage } from '../log/message-fields.ts';
import type { RedisConnection } from '../redis/connect.ts';
import { keyspace } from '../redis/keyspace.ts';
import { restoreMessage } from './stored-message.ts';
import { createStandIn, parseMessage } from './unreadable.ts';

/** The data of a job whose message was canceled, until a worker takes the job. */
export interface Canceled {
  /** `waiting`: all is done. `in flight`: an attempt was running, and its end is not recorded yet. */
  canceled: 'waiting' | 'in flight';
  bodyKey?: string;
}

export interface CanceledNow {
  /** Stands for what was stored, if that cannot be read. */
  message: Message;
  /** An attempt is running, and continues. */
  isInFlight: boolean;
}

/** The field of a job that says that its message is canceled. */
export const canceledField = 'canceled';

export function isCanceled(data: unknown): data is Canceled {
  return typeof data === 'object' && data !== null && 'canceled' in data;
}

/**
 * Cancels messages of one shard and writes it to their logs. Gives for each the message as it was, if it was canceled
 * now. Messages of runs are left alone: they end with their runs.
 *
 * @param jobPrefix what BullMQ puts before the ids of the jobs of the shard
 */
export async function cancelJobs(
  redis: RedisConnection,
  shard: number,
  jobPrefix: string,
  ids: readonly string[],
  now: number,
  logRetentionMs: number,
): Promise<(CanceledNow | undefined)[]> {
  const texts = await Promise.all(ids.map((id) => redis.hget(jobPrefix + id, 'data')));
  const found = ids.flatMap((id, index) => {
    const text = texts[index];
    return text && !isOfRun(text) ? [{ index, id, message: parseMessage(text) ?? createStandIn(text, now) }] : [];
  });
  const canceled: (CanceledNow | undefined)[] = ids.map(() => undefined);
  if (found.length === 0) return canceled;

  const results = await redis.cancelMessages(
    `${jobPrefix}delayed`,
    jobPrefix,
    keyspace.messageLog(shard, ''),
    now,
    logRetentionMs,
    canceledField,
    logFields.created,
    logFields.cancelRequested,
    logFields.canceled,
    JSON.stringify({ canceled: 'waiting' } satisfies Canceled),
    ...found.flatMap(({ id, message }) => [
      id,
      JSON.stringify(leaveInFlight(message)),
      JSON.stringify(redactMessage(message)),
    ]),
  );
  for (const [at, { index, message }] of found.entries()) {
    const result = results[at];
    if (result) canceled[index] = { message, isInFlight: result === 2 };
  }
  return canceled;
}

function leaveInFlight({ body }: Message): Canceled {
  return { canceled: 'in flight', ...(body.kind === 'stored' ? { bodyKey: body.key } : {}) };
}

/** Whether the data of a job is that of a message of a run, also of one that another version has written. */
function isOfRun(json: string): boolean {
  try {
    const message = restoreMessage(JSON.parse(json));
    return typeof message === 'object' && message !== null && 'workflow' in message;
  } catch {
    return false;
  }
}
