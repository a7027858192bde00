import type { RedisConnection } from '../engine/redis/connect.ts';
import type { Shards } from '../engine/shards/shards.ts';
import type { RunConfig } from './run-config.ts';
import { runKeys } from './run-keys.ts';
import type { RunLocation } from './run-scripts.ts';

export const runStates = ['RUN_STARTED', 'RUN_SUCCESS', 'RUN_FAILED', 'RUN_CANCELED'] as const;
export type RunState = (typeof runStates)[number];

/** The step of another run that waits for the end of this one (contract W16). */
export interface Invoker {
  runId: string;
  createdAt: number;
  url: string;
  /** Headers of the message that reports the end: names and values in turn. */
  headers: string[];
  step: unknown;
}

/** Why a run has failed. */
export interface RunFailure {
  messageId: string;
  status: number;
  header: Record<string, string[]>;
  bodyBase64: string;
  error: string;
  retried: number;
  maxRetries: number;
}

/** What became of the failure callback. */
export interface FailureCallbackState {
  messageId: string;
  state: 'CALLBACK_INPROGRESS' | 'CALLBACK_SUCCESS' | 'CALLBACK_FAIL' | 'CALLBACK_CANCELED';
  status?: number;
  header?: Record<string, string[]>;
  body?: string;
}

/** A run as Redis has it. */
export interface Run {
  runId: string;
  shard: number;
  /** What its keys are named after. */
  name: string;
  state: RunState;
  createdAt: number;
  completedAt?: number;
  config: RunConfig;
  invoker?: Invoker;
  /** What the workflow returned, as it sent it. */
  result?: string;
  failure?: RunFailure;
  failureCallback?: FailureCallbackState;
  dlqId?: string;
  initId: string;
  /** When the run began that had the id before. */
  earlier?: number;
  /** Its endpoint has not started it with its SDK, although it was begun without one. */
  isUnknownSdk: boolean;
  /** Messages that had not ended when the run did. */
  pending: string[];
}

/** Reads runs by their ids. */
export interface Runs {
  /** Where a run with this id is. */
  locate(runId: string, createdAt?: number): RunLocation;
  /** A new id of a message in the shard of the run. */
  newMessageId(runId: string): string;
  /** The run that has the id now, or the one that was created then. */
  read(runId: string, createdAt?: number): Promise<Run | undefined>;
  /** The same without what may be large: its result, its invoker and its failure. */
  readHead(runId: string, createdAt?: number): Promise<RunHead | undefined>;
}

const headFields = ['state', 'createdAt', 'config'] as const;

/** What every run has. */
export type RunHead = Pick<Run, 'runId' | 'shard' | 'name' | 'state' | 'createdAt' | 'config'>;

const togetherWith = (runId: string) => `run:${runId}`;

export function createRuns(redis: RedisConnection, shards: Shards): Runs {
  const locate = (runId: string, createdAt?: number): RunLocation => ({
    shard: shards.of(togetherWith(runId)),
    runId,
    ...(createdAt === undefined ? {} : { createdAt }),
  });

  const readWith = async (
    readFields: (key: string) => Promise<Record<string, string>>,
    runId: string,
    createdAt?: number,
  ) => {
    const { shard } = locate(runId);
    const fields = await readFields(runKeys.run(shard, runId));
    const isMeant = createdAt === undefined || fields['createdAt'] === String(createdAt);
    if (fields['state'] !== undefined && isMeant) return parseRun(runId, shard, runId, fields);
    if (createdAt === undefined) return undefined;
    const name = formatEarlierName({ runId, createdAt });
    const earlier = await readFields(runKeys.run(shard, name));
    return earlier['state'] === undefined ? undefined : parseRun(runId, shard, name, earlier);
  };
  const readHeadFields = async (key: string) => {
    const values = await redis.hmget(key, ...headFields);
    const fields = headFields.map((name, index) => [name, values[index] ?? undefined]);
    return Object.fromEntries(fields) as Record<string, string>;
  };

  return {
    locate,
    newMessageId: (runId) => shards.newId(Date.now(), togetherWith(runId)).id,
    read: (runId, createdAt) => readWith((key) => redis.hgetall(key), runId, createdAt),
    readHead: (runId, createdAt) => readWith(readHeadFields, runId, createdAt),
  };
}

/**
 * Reads records of a run that was read before. When a later run takes its id, they get another name, and what was found
 * may belong to that later run: they are then read once more, under the name that they keep.
 */
export async function readRecords<R extends RunHead, T>(
  redis: RedisConnection,
  run: R,
  read: (run: R) => Promise<T>,
): Promise<T> {
  const [found] = await Promise.allSettled([read(run)]);
  if (run.name === run.runId && !(await hasName(redis, run))) return read({ ...run, name: formatEarlierName(run) });
  if (found.status === 'rejected') throw found.reason;
  return found.value;
}

/** Whether the records under the name of a run are still those of this run. */
export async function hasName(
  redis: RedisConnection,
  { shard, name, createdAt }: Pick<Run, 'shard' | 'name' | 'createdAt'>,
): Promise<boolean> {
  return (await redis.hget(runKeys.run(shard, name), 'createdAt')) === String(createdAt);
}

/** The name of a run whose id a later run has taken. */
function formatEarlierName({ runId, createdAt }: Pick<Run, 'runId' | 'createdAt'>): string {
  return `${runId} ${createdAt}`;
}

function parseRun(runId: string, shard: number, name: string, fields: Record<string, string>): Run {
  const json = (field: string): unknown => {
    const text = fields[field];
    return text === undefined ? undefined : JSON.parse(text);
  };
  const invoker = json('invoker') as Invoker | undefined;
  const failure = json('failure') as RunFailure | undefined;
  const failureCallback = json('failureCallback') as FailureCallbackState | undefined;
  const { completedAt, result, dlqId, earlier } = fields;
  return {
    runId,
    shard,
    name,
    state: fields['state'] as RunState,
    createdAt: Number(fields['createdAt']),
    config: json('config') as RunConfig,
    initId: fields['initId'] ?? '',
    isUnknownSdk: fields['phase'] === 'unknown',
    pending: (fields['pending'] ?? '').split(' ').filter((id) => id !== ''),
    ...(completedAt === undefined ? {} : { completedAt: Number(completedAt) }),
    ...(invoker ? { invoker } : {}),
    ...(result === undefined ? {} : { result }),
    ...(failure ? { failure } : {}),
    ...(failureCallback ? { failureCallback } : {}),
    ...(dlqId === undefined ? {} : { dlqId }),
    ...(earlier === undefined ? {} : { earlier: Number(earlier) }),
  };
}

/** `<run id> <created at>`; no blank is in an id. */
export function parseName(name: string): { runId: string; createdAt: number } {
  const [runId = '', createdAt = ''] = name.split(' ');
  return { runId, createdAt: Number(createdAt) };
}
