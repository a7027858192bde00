import { PosthornError } from '@posthorn/shared';
import { startDeadline } from '../intake/deadline.ts';
import { endRun } from './end-run.ts';
import { createRefusal } from './run-errors.ts';
import { runKeys } from './run-keys.ts';
import type { RunLimits, RunParts } from './run-parts.ts';
import type { RunEntry } from './run-scripts.ts';
import type { Run } from './runs.ts';

/** Maximum number of active runs of one shard. */
export function maxRunsOfShard({ runLimits, shards }: Pick<RunParts, 'runLimits' | 'shards'>): number {
  return Math.ceil(runLimits.maxRuns / shards.count);
}

export function createTooManyRuns({ maxRuns }: Pick<RunLimits, 'maxRuns'>): PosthornError {
  return new PosthornError(
    'limit_exceeded',
    `${maxRuns} runs are active, the limit of WORKFLOW_MAX_RUNS. Wait until some have ended, or cancel some.`,
  );
}

/**
 * Refuses the runs of one request together when there is no room for all of them (contract W24). Runs that are active
 * already take no more room.
 *
 * @param isAlone the request asks for one run and nothing else: that is refused when it begins
 * @throws {PosthornError} `limit_exceeded`
 */
export async function requireRoom(
  parts: RunParts,
  runIds: readonly string[],
  isAlone = runIds.length < 2,
): Promise<void> {
  if (isAlone) return;
  const { redis, runs, runLimits } = parts;
  const idsOfShard = new Map<number, Set<string>>();
  for (const runId of runIds) {
    const { shard } = runs.locate(runId);
    idsOfShard.set(shard, (idsOfShard.get(shard) ?? new Set()).add(runId));
  }
  const max = maxRunsOfShard(parts);
  for (const [shard, ids] of idsOfShard) {
    const active = await redis.zcard(runKeys.active(shard));
    if (active + ids.size <= max) continue;
    const states = await Promise.all([...ids].map((runId) => redis.hget(runKeys.run(shard, runId), 'state')));
    const added = states.filter((state) => state !== 'RUN_STARTED').length;
    if (added > 0 && active + added > max) throw createTooManyRuns(runLimits);
  }
}

/**
 * Refuses what has no room in the log of its run before anything else of its request is stored. What the run has accepted
 * already takes no more room.
 *
 * @throws {PosthornError} `limit_exceeded`
 */
export async function requireLogRoom(
  { redis, runLimits }: Pick<RunParts, 'redis' | 'runLimits'>,
  { shard, name }: Pick<Run, 'shard' | 'name'>,
  entries: readonly RunEntry[],
): Promise<void> {
  const [bytes, otherBytes, count, known] = await Promise.all([
    redis.strlen(runKeys.log(shard, name)),
    redis.hget(runKeys.run(shard, name), 'otherBytes'),
    redis.llen(runKeys.entries(shard, name)),
    redis.hmget(runKeys.steps(shard, name), ...entries.map(({ key }) => key)),
  ]);
  const added = entries.filter(({ element }, index) => element !== '' && known[index] === null);
  const addedBytes = added.reduce((sum, entry) => sum + entry.element.length + Buffer.byteLength(entry.description), 0);
  if (bytes + Number(otherBytes ?? 0) + addedBytes > runLimits.maxLogBytes) throw createRefusal('bytes', runLimits);
  if (count + added.length > runLimits.maxSteps) throw createRefusal('steps', runLimits);
}

/** A run that a request has begun. `isKnown`: it was active before. */
export interface Begun {
  runId: string;
  createdAt: number;
  isKnown: boolean;
}

/**
 * Begins the runs of one request one after the other. When another client takes the room that was there before, those
 * that have begun are canceled: the client gets one refusal for all (contract W24).
 *
 * @throws what `begin` throws, and `unavailable` when Redis is late for one of them
 */
export async function beginTogether<T>(
  parts: RunParts,
  items: readonly T[],
  begin: (item: T) => Promise<Begun | undefined>,
): Promise<void> {
  const begun: Begun[] = [];
  try {
    for (const item of items) {
      // Each has its time: many of them take longer than a single one may.
      const run = await startDeadline().limit(begin(item));
      if (run && !run.isKnown) begun.push(run);
    }
  } catch (error) {
    // After any other failure the client repeats the request, and finds the runs that have begun.
    const isFull = error instanceof PosthornError && error.code === 'limit_exceeded';
    if (isFull) for (const run of begun) await endRun(parts, run, 'RUN_CANCELED');
    throw error;
  }
}
