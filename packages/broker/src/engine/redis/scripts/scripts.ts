import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { skipUnused, useCaller } from './skip-unused.ts';

/** The Lua texts of those scripts of BullMQ that are for one job. They have no types: `include` says what must be in them. */
const load = createRequire(import.meta.url);
const bullmqScripts = {
  ...(load('bullmq/dist/cjs/scripts/addStandardJob-9.js') as object),
  ...(load('bullmq/dist/cjs/scripts/addDelayedJob-6.js') as object),
  ...(load('bullmq/dist/cjs/scripts/promote-9.js') as object),
  ...(load('bullmq/dist/cjs/scripts/moveToFinished-14.js') as object),
} as Record<string, { content: string } | undefined>;

/** How many of its arguments a script of BullMQ takes packed. */
const packedArguments: Partial<Record<string, number>> = {
  addStandardJob: 2,
  addDelayedJob: 2,
  promote: 0,
  moveToFinished: 1,
};

/** What BullMQ's scripts do last when they hand a job to a worker. */
const handOver =
  /addBaseMarkerIfNeeded\(markerKey, false\)\s+(?:--[^\n]*\s+)*return \{rcall\("HGETALL", jobKey\), jobId, 0, 0\}/;
const handOverLast = readFileSync(new URL('hand-over-last.lua', import.meta.url), 'utf8');

/** The Lua scripts and their numbers of keys. The files describe what they do. */
const scripts = {
  replaceField: { file: 'replace-field.lua', numberOfKeys: 1 },
  keepBody: { file: 'keep-body.lua', numberOfKeys: 1 },
  cancelMessages: { file: 'cancel-messages.lua', numberOfKeys: 1 },
  /** The number of its keys is its first argument, as with all that have no number here. */
  addMessages: { file: 'add-messages.lua' },
  /** The same for one shard of a cluster: auto-pipelining finds the node by the first argument, so that it must be a key. */
  addToShard: { file: 'add-messages.lua', numberOfKeys: 3 },
  completeJobs: { file: 'complete-jobs.lua' },
  readPending: { file: 'read-pending.lua', numberOfKeys: 3 },
  claimPending: { file: 'claim-pending.lua', numberOfKeys: 6 },
  findPending: { file: 'find-pending.lua' },
  /** The number of its keys is its first argument. */
  findTexts: { file: 'find-texts.lua' },
  replacePending: { file: 'replace-pending.lua', numberOfKeys: 1 },
  closePendingGap: { file: 'close-pending-gap.lua', numberOfKeys: 1 },
  wakeMessages: { file: 'wake-messages.lua', numberOfKeys: 9 },
  extendSleep: { file: 'extend-sleep.lua', numberOfKeys: 1 },
  stepLane: { file: 'lane.lua', numberOfKeys: 7 },
  createQueue: { file: 'create-queue.lua', numberOfKeys: 2 },
  removeQueue: { file: 'remove-queue.lua', numberOfKeys: 6 },
  removeDeadLetters: { file: 'remove-dead-letters.lua', numberOfKeys: 5 },
  writeLogs: { file: 'write-logs.lua' },
  appendEntries: { file: 'append-entries.lua', numberOfKeys: 1 },
  buryMessage: { file: 'bury-message.lua', numberOfKeys: 3 },
  countRequest: { file: 'count-request.lua', numberOfKeys: 1 },
  putSchedule: { file: 'put-schedule.lua', numberOfKeys: 2 },
  claimSchedules: { file: 'claim-schedules.lua', numberOfKeys: 1 },
  beginTrigger: { file: 'begin-trigger.lua', numberOfKeys: 1 },
  advanceSchedule: { file: 'advance-schedule.lua', numberOfKeys: 2 },
  countStats: { file: 'count-stats.lua', numberOfKeys: 1 },
  setField: { file: 'set-field.lua', numberOfKeys: 1 },
  tryWrite: { file: 'try-write.lua', numberOfKeys: 1 },
  addExpiring: { file: 'add-expiring.lua', numberOfKeys: 1 },
} as const;

/** The scripts as ioredis wants them when a connection is made. */
export const scriptDefinitions = Object.fromEntries(
  Object.entries(scripts).map(([name, { file, ...keys }]) => [
    name,
    { lua: include(readFileSync(new URL(file, import.meta.url), 'utf8')), ...keys },
  ]),
);

/**
 * Puts other scripts where one of ours names them: our own as they are. BullMQ's get their arguments as tables, not packed.
 * Their functions stand apart, so that they are made once for all jobs of a call: a third of the time that a job takes.
 */
export function include(lua: string): string {
  const joined = lua.replace(/^-- @script ([\w-]+)$/gm, (_, name: string) =>
    readFileSync(new URL(`${name}.lua`, import.meta.url), 'utf8'),
  );
  return joined.replace(
    /^ *-- @bullmq (functions|steps) of (\w+)$/gm,
    (_, part: 'functions' | 'steps', name: string) => {
      return embed(name)[part];
    },
  );
}

/** A script of BullMQ for scripts of ours. @throws {Error} if it is not as it is known here */
function embed(name: string): { functions: string; steps: string } {
  const content = bullmqScripts[name]?.content ?? '';
  const unpacked = content.replaceAll(/cmsgpack\.unpack\((ARGV\[\d\])\)/g, '$1');
  const packed = (content.length - unpacked.length) / 'cmsgpack.unpack()'.length;
  if (content === '' || packed !== packedArguments[name]) {
    throw new Error(`BullMQ's script ${name} takes its arguments in a way that is not known here.`);
  }
  const lua = withoutEvents(useCaller(name, skipUnused(name, unpacked)));
  const functions: string[] = [];
  const steps = lua.replaceAll(/^local (?:function \w+|\w+ = function) ?\([^]*?^end$/gm, (text) => {
    functions.push(text);
    return '';
  });
  return { functions: sayWhenLast(functions.join('\n')), steps };
}

/**
 * Removes the writes to BullMQ's stream of events from a script: four unused entries per message, which take a tenth of
 * the time of Redis. BullMQ has no option for it.
 */
export function withoutEvents(lua: string): string {
  return lua.replaceAll(/^ *rcall\("X(?:ADD|TRIM)", [^()]*\);?$/gm, '');
}

/**
 * Makes a script of BullMQ that hands jobs to workers mark the last waiting job as the last. BullMQ itself marks the
 * queue as not empty with every job, so that a worker that takes the only message asks twice more for nothing, and Redis
 * waits once more for its disk. `hand-over-last.lua` describes the mark.
 */
export function sayWhenLast(lua: string): string {
  if (!lua.includes('function prepareJobForProcessing(')) return lua;
  if (!handOver.test(lua)) throw new Error('A script of BullMQ hands over jobs in a way that is not known here.');
  return lua.replace(handOver, () => handOverLast);
}

/** The scripts as methods of a connection, typed as their files describe them. */
export interface ScriptCommands {
  replaceField(key: string, field: string, read: string, value: string, limit: number): Promise<1 | 0 | -1>;
  keepBody(
    key: string,
    bytesField: string,
    messagePrefix: string,
    heldPrefix: string,
    step: 'confirm' | 'release' | 'hold',
    ms: number,
    ...messageIds: string[]
  ): Promise<0 | 1>;
  cancelMessages(
    delayedKey: string,
    jobPrefix: string,
    logPrefix: string,
    now: number,
    logRetentionMs: number,
    canceledField: string,
    createdField: string,
    cancelRequestedField: string,
    loggedCanceledField: string,
    waitingData: string,
    ...messages: string[]
  ): Promise<(0 | 1 | 2)[]>;
  /** For each shard three keys, then `segmentBytes`, then for each shard its rows and messages. */
  addMessages(numberOfKeys: number, ...keysAndMessages: (string | number | Buffer)[]): Promise<string[][]>;
  addToShard(
    jobPrefix: string,
    pendingHead: string,
    pendingRows: string,
    ...messages: (string | number | Buffer)[]
  ): Promise<string[][]>;
  completeJobs(numberOfKeys: number, ...prefixesAndJobs: (string | number)[]): Promise<CompletedJob[]>;
  readPendingBuffer(headKey: string, rowsKey: string, counterKey: string): Promise<Buffer[]>;
  claimPending(
    headKey: string,
    rowsKey: string,
    counterKey: string,
    waitKey: string,
    activeKey: string,
    delayedKey: string,
    claimMs: number,
    quietMs: number,
  ): Promise<[now: string, gap: string, ...segments: string[]]>;
  findPending(numberOfKeys: number, ...jobKeys: string[]): Promise<string>;
  findTexts(numberOfKeys: number, ...keysFieldsAndTexts: string[]): Promise<string>;
  replacePending(
    headKey: string,
    rows: number,
    labelColumns: number,
    tidyAt: number,
    intervalMs: number,
    columns: Buffer,
    ...numbersAndClaims: (number | string)[]
  ): Promise<0 | 1>;
  closePendingGap(headKey: string, gap: string): Promise<0 | 1>;
  wakeMessages(
    /** delayed, wait, paused, meta, prioritized, active, pc, events and marker of the queue. */
    ...keysAndArguments: [...NineKeys, jobPrefix: string, ...messageIds: string[]]
  ): Promise<(1 | 0 | -1)[]>;
  extendSleep(delayedKey: string, messageId: string, wakesAt: number, wakeAt: number): Promise<0 | 1>;
  stepLane(
    stateKey: string,
    holdersKey: string,
    waitersKey: string,
    busyKey: string,
    flowKeysKey: string,
    partsKey: string,
    delayedKey: string,
    step: string,
    lane: string,
    messageId: string,
    leaseMs: number,
    part: string,
    idleMs: number,
    ...limits: (string | number)[]
  ): Promise<[has: 0 | 1, waitMs: number, keepsOther: 0 | 1, ...woken: string[]]>;
  createQueue(stateKey: string, namesKey: string, name: string, now: number, ...fields: QueueFields): Promise<1>;
  removeQueue(
    stateKey: string,
    holdersKey: string,
    waitersKey: string,
    busyKey: string,
    namesKey: string,
    delayedKey: string,
    name: string,
    lane: string,
    createdAtField: string,
    removesExisting: '1' | '0',
  ): Promise<1>;
  writeLogs(numberOfKeys: number, ...logsAndEntries: (string | number)[]): Promise<null>;
  appendEntries(
    headKey: string,
    segmentPrefix: string,
    segmentBytes: number,
    retentionMs: number,
    records: Buffer,
  ): Promise<number>;
  removeDeadLetters(
    dlqKey: string,
    entriesKey: string,
    idsKey: string,
    answerPrefix: string,
    logPrefix: string,
    ...dlqAndMessageIds: string[]
  ): Promise<(0 | 1)[]>;
  buryMessage(
    dlqKey: string,
    entriesKey: string,
    idsKey: string,
    messageId: string,
    entry: string,
    owner: string,
    digest: Buffer,
    shard: number,
    shards: number,
  ): Promise<string>;
  countRequest(key: string): Promise<[count: number, endsAtSeconds: number]>;
  putSchedule(
    scheduleKey: string,
    dueKey: string,
    ...rest: [...ScheduleFields, scheduleId: string, definition: string, createdAt: number, next: number, limit: number]
  ): Promise<string[] | -1>;
  claimSchedules(
    dueKey: string,
    ...rest: [...ScheduleFields, schedulePrefix: string, max: number, claimMs: number]
  ): Promise<[now: number, waitMs: number, ...claimed: [string, string, string, string, string][]]>;
  beginTrigger(
    scheduleKey: string,
    ...rest: [
      ...ScheduleFields,
      createdAt: number,
      tick: number,
      paused: string,
      inProgress: string,
      ...messageFields: string[],
    ]
  ): Promise<0 | 1>;
  advanceSchedule(
    scheduleKey: string,
    dueKey: string,
    ...rest: [
      ...ScheduleFields,
      scheduleId: string,
      createdAt: number,
      tick: number,
      next: number,
      result: 'published' | 'skipped' | 'failed',
      error: string,
      messagePrefix: string,
    ]
  ): Promise<1 | 0 | -1>;
  countStats(prefix: string, ...values: string[]): Promise<null>;
  tryWrite(key: string): Promise<0>;
  addExpiring(key: string, member: string, expiresAt: number, now: number): Promise<0 | 1>;
  setField(key: string, existingField: string, field: string, value: string): Promise<0 | 1>;
}

/** What BullMQ's script says of a job that it has ended: an error below 0, 0, or the next job. */
export type CompletedJob = number | [fields: string[] | 0, id: string | 0, limitMs: number, lookAt: number];

export type NineKeys = [string, string, string, string, string, string, string, string, string];

/** Names of the fields of the state of a queue that a new one has. */
export type QueueFields = readonly [createdAt: string, updatedAt: string, parallelism: string, paused: string];

/** Names of the fields of a schedule. */
export type ScheduleFields = readonly [
  definition: string,
  createdAt: string,
  next: string,
  pausedUntil: string,
  last: string,
  error: string,
];
