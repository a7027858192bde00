import { showUrl } from '@posthorn/shared';
import type { RedisConnection } from '../engine/redis/connect.ts';
import { runKeys } from './run-keys.ts';
import type { RunParts } from './run-parts.ts';
import { parseName, type Run, type RunState } from './runs.ts';

/** Which runs are meant: values of one field are OR-ed, fields are AND-ed (contract W21). */
export interface RunFilter {
  workflowRunId?: string[] | undefined;
  workflowCreatedAt?: number | undefined;
  /** As they are shown: without passwords. */
  workflowUrl?: string[] | undefined;
  /** `workflowUrl` is the beginning of the URL. */
  isPrefix?: boolean | undefined;
  state?: string[] | undefined;
  label?: string[] | undefined;
  flowControlKey?: string[] | undefined;
  callerIp?: string[] | undefined;
  messageId?: string[] | undefined;
  /** Time of the beginning, in milliseconds, both inclusive. */
  fromDate?: number | undefined;
  toDate?: number | undefined;
}

/** Names of runs that are read at once from one list. */
const pieceSize = 100;

/** A list of one shard, of which the newest names come first. */
interface List {
  key: string;
  /** Time of the last name that was read, and the names of that time: lists shrink while they are read. */
  from: number;
  seen: Set<string>;
  names: Name[];
  isDone: boolean;
}

/** The runs that may match, newest first: `matchesRun` says which of them do. */
export async function* listRuns(
  parts: Pick<RunParts, 'redis' | 'shards' | 'runs'>,
  filter: RunFilter,
  after?: Name,
): AsyncGenerator<Run> {
  const names = filter.workflowRunId ? listNamed(parts, filter.workflowRunId, after) : listNames(parts, filter, after);
  for await (const { runId, createdAt } of names) {
    const run = await parts.runs.read(runId, createdAt);
    if (run) yield run;
  }
}

/** A position between two runs of a list, and the name of a run. */
interface Name {
  runId: string;
  createdAt: number;
}

/** The runs that have these ids or had them: each leads to the one before it, so that no other run is looked at. */
async function* listNamed(
  { runs }: Pick<RunParts, 'runs'>,
  runIds: readonly string[],
  after?: Name,
): AsyncGenerator<Name> {
  const readNext = async (runId: string, createdAt?: number) => {
    const run = await runs.read(runId, createdAt);
    return run && { runId, createdAt: run.createdAt, earlier: run.earlier };
  };
  const heads = await Promise.all([...new Set(runIds)].map((runId) => readNext(runId)));
  for (;;) {
    let first: number | undefined;
    for (const [index, head] of heads.entries()) {
      const best = first === undefined ? undefined : heads[first];
      if (head && (!best || compare(head, best) < 0)) first = index;
    }
    const head = first === undefined ? undefined : heads[first];
    if (!head || first === undefined) return;
    const { runId, createdAt, earlier } = head;
    heads[first] = earlier === undefined ? undefined : await readNext(runId, earlier);
    if (!after || compare(head, after) > 0) yield { runId, createdAt };
  }
}

async function* listNames(
  { redis, shards }: Pick<RunParts, 'redis' | 'shards'>,
  { workflowCreatedAt, state, fromDate = 0, toDate = Infinity }: RunFilter,
  after?: Name,
): AsyncGenerator<Name> {
  const all = Array.from({ length: shards.count }, (_, shard) => shard);
  const isActiveMeant = !state || state.includes('RUN_STARTED');
  const isEndedMeant = !state || state.some((name) => name !== 'RUN_STARTED');
  const max = Math.min(toDate, workflowCreatedAt ?? Infinity, after?.createdAt ?? Infinity);
  const min = Math.max(fromDate, workflowCreatedAt ?? 0);
  const lists = all
    .flatMap((shard) => [
      ...(isActiveMeant ? [runKeys.active(shard)] : []),
      ...(isEndedMeant ? [runKeys.ended(shard)] : []),
    ])
    .map((key): List => ({ key, from: max, seen: new Set(), names: [], isDone: false }));
  const isMeant = (name: Name) => !after || compare(name, after) > 0;

  for (;;) {
    await Promise.all(lists.map((list) => fill(redis, list, min, isMeant)));
    let first: List | undefined;
    for (const list of lists) {
      const [name] = list.names;
      if (name && (!first?.names[0] || compare(name, first.names[0]) < 0)) first = list;
    }
    const name = first?.names.shift();
    if (!name) return;
    yield name;
  }
}

async function fill(redis: RedisConnection, list: List, min: number, isMeant: (name: Name) => boolean): Promise<void> {
  while (!list.isDone && list.names.length === 0) {
    const highest = list.from === Infinity ? '+inf' : list.from;
    const wanted = pieceSize + list.seen.size;
    const members = await redis.zrevrangebyscore(list.key, highest, min, 'LIMIT', 0, wanted);
    list.isDone = members.length < wanted;
    const fresh = members.filter((member) => !list.seen.has(member));
    const oldest = parseName(members.at(-1) ?? '').createdAt;
    if (oldest !== list.from) list.seen = new Set();
    for (const member of members) if (parseName(member).createdAt === oldest) list.seen.add(member);
    list.from = oldest;
    list.names = fresh.map(parseName).filter(isMeant).sort(compare);
  }
}

/** Newest first. */
function compare(a: Name, b: Name): number {
  return b.createdAt - a.createdAt || (a.runId < b.runId ? -1 : a.runId > b.runId ? 1 : 0);
}

export function matchesRun(run: Run, filter: RunFilter): boolean {
  const { config, state, createdAt, runId } = run;
  const { workflowUrl, isPrefix = false } = filter;
  const shownUrl = workflowUrl ? showUrl(config.url) : '';
  const has = (wanted: readonly string[] | undefined, ...values: (string | undefined)[]) =>
    !wanted || values.some((value) => value !== undefined && wanted.includes(value));
  return (
    has(filter.workflowRunId, runId) &&
    (filter.workflowCreatedAt === undefined || filter.workflowCreatedAt === createdAt) &&
    (!workflowUrl || workflowUrl.some((url) => (isPrefix ? shownUrl.startsWith(url) : shownUrl === url))) &&
    has(filter.state, state satisfies RunState) &&
    has(filter.label, ...(config.labels ?? [])) &&
    has(filter.flowControlKey, config.flowControl?.key) &&
    has(filter.callerIp, config.callerIp) &&
    createdAt >= (filter.fromDate ?? 0) &&
    createdAt <= (filter.toDate ?? Infinity)
  );
}

/** A position between two runs of a list. */
export function formatCursor({ createdAt, runId }: Name): string {
  return Buffer.from(`${createdAt} ${runId}`).toString('base64url');
}

/** @returns `undefined` for a text that is no cursor */
export function parseCursor(cursor: string): Name | undefined {
  const match = /^(\d{1,15}) ([!-~]{1,256})$/.exec(Buffer.from(cursor, 'base64url').toString('latin1'));
  return match ? { createdAt: Number(match[1]), runId: match[2] ?? '' } : undefined;
}
