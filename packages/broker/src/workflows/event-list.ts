import { runKeys } from './run-keys.ts';
import type { RunParts } from './run-parts.ts';
import type { Run } from './runs.ts';
import { parseWaiter, type StoredWaiter } from './stored-waiter.ts';

/** What the list of an event needs. */
type ListParts = Pick<RunParts, 'redis' | 'runs' | 'shards'>;
type RunName = Pick<Run, 'runId' | 'createdAt'>;

/** How long an entry in the list of an event stays after its deadline, because the run decides whether it waits. */
const graceMs = 60_000;

/**
 * Adds a step that waits, or will, to the list of its event. An entry without a waiter does no harm.
 *
 * @param deadline Unix seconds
 * @returns whether it is new there
 */
export async function addToList(
  parts: ListParts,
  eventId: string,
  stepId: number,
  run: RunName,
  deadline: number,
): Promise<boolean> {
  const forgetAt = deadline * 1000 + graceMs;
  return (await parts.redis.addExpiring(keyOf(parts, eventId), formatMember(stepId, run), forgetAt, Date.now())) === 1;
}

export async function removeFromList(parts: ListParts, eventId: string, stepId: number, run: RunName): Promise<void> {
  await parts.redis.zrem(keyOf(parts, eventId), formatMember(stepId, run));
}

/** Waiters of one event that are read at a time. */
const atOnce = 20;
/**
 * The waiters of an event that are there now, with the fields of their runs, in no certain order; one of them may come
 * twice.
 *
 * @param isPruned runs that are over leave the list: they never wait again, and nothing else removes them before their
 *   deadline
 */
export async function* listWaiters(
  parts: ListParts,
  eventId: string,
  isPruned = false,
): AsyncGenerator<{ run: { runId: string; createdAt: number }; field: string; waiter: StoredWaiter }> {
  const { redis, runs } = parts;
  const list = keyOf(parts, eventId);
  let cursor = '0';
  do {
    // A scan misses none of those that are there all the time, whatever is removed meanwhile.
    const [next, pairs] = await redis.zscan(list, cursor, 'COUNT', atOnce);
    cursor = next;
    const members = pairs.filter((_, index) => index % 2 === 0);
    // A small list comes as a whole.
    for (let from = 0; from < members.length; from += atOnce) {
      yield* readWaitersOf(members.slice(from, from + atOnce));
    }
  } while (cursor !== '0');

  async function* readWaitersOf(members: readonly string[]): ReturnType<typeof listWaiters> {
    const some = members.map(parseMember);
    const texts = await Promise.all(
      some.map(({ runId, stepId }) =>
        redis.hget(runKeys.waiters(runs.locate(runId).shard, runId), `${stepId}:${eventId}`),
      ),
    );
    const states = await Promise.all(
      some.map(({ runId }) => redis.hmget(runKeys.run(runs.locate(runId).shard, runId), 'state', 'createdAt')),
    );
    const isActive = some.map(({ createdAt }, index) => {
      const [state, current] = states[index] ?? [];
      return state === 'RUN_STARTED' && current === String(createdAt);
    });
    const over = members.filter((_, index) => !isActive[index]);
    if (isPruned && over.length > 0) await redis.zrem(list, ...over);
    for (const [index, { runId, createdAt, stepId }] of some.entries()) {
      const text = texts[index];
      if (!text || !isActive[index]) continue;
      yield { run: { runId, createdAt }, field: `${stepId}:${eventId}`, waiter: parseWaiter(text).waiter };
    }
  }
}

function keyOf({ shards }: ListParts, eventId: string): string {
  return runKeys.event(shards.of(`event:${eventId}`), eventId);
}

function formatMember(stepId: number, { createdAt, runId }: RunName): string {
  return `${stepId} ${createdAt} ${runId}`;
}

function parseMember(member: string): { stepId: string; createdAt: number; runId: string } {
  const [stepId = '', createdAt = '', ...runId] = member.split(' ');
  return { stepId, createdAt: Number(createdAt), runId: runId.join(' ') };
}
