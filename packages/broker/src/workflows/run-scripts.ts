import { readFileSync } from 'node:fs';
import type { RedisConnection } from '../engine/redis/connect.ts';
import { keyspace } from '../engine/redis/keyspace.ts';
import { include } from '../engine/redis/scripts/scripts.ts';
import { canceledField, type Canceled } from '../engine/shards/cancel-jobs.ts';
import { listAddArguments } from '../engine/shards/shard.ts';
import { runKeys } from './run-keys.ts';

/** What a message of a run becomes in Redis, in the order of the scripts; the position in the log is added there. */
export interface RunEntry {
  /** Idempotency key; empty to accept every time. */
  key: string;
  messageId: string;
  /** Its element of the log as JSON; empty for a message that is not in the log. */
  element: string;
  /** JSON without line breaks that describes the element for views of the log. */
  description: string;
  /**
   * `<id> <timestamp> <delay>`, as the queue needs it, and a blank and the flow-control key if there is one;
   * empty for an element without a message.
   */
  head: string;
  /** The text of the message up to the position in the log, which `}}]` follows. */
  data: string;
}

/** Limits of the log of a run. */
export interface LogLimits {
  /** Bytes of the log, the headers of its elements, and the steps that wait, together. */
  maxLogBytes: number;
  maxSteps: number;
}

/** Which run a script works on. `createdAt` is missing for whichever run has the id now. */
export interface RunLocation {
  shard: number;
  runId: string;
  createdAt?: number;
}

/** Why nothing was appended: the run is over, or its log has no room. */
export type Refusal = 'over' | 'bytes' | 'steps';

/** The atomic steps of runs; `scripts/` describes each. */
export interface RunScripts {
  /** How many steps this process has made. */
  total(): number;
  start(
    location: RunLocation,
    mode: 'new' | 'restart' | 'adopt',
    fields: Record<string, string>,
    entry: RunEntry,
    maxRuns: number,
  ): Promise<{ result: 'started' | 'known' | 'full' | 'over'; messageId: string }>;
  append(location: RunLocation, entries: readonly RunEntry[], limits: LogLimits): Promise<string[] | Refusal>;
  registerWaiter(
    location: RunLocation,
    waiter: { key: string; field: string; json: string; noteName: string; timeoutId: string },
    message: Pick<RunEntry, 'head' | 'data'>,
    limits: LogLimits,
  ): Promise<{ result: Refusal | 'known' | 'waits' | 'gone'; note?: { field: string; data: Buffer } }>;
  resumeWaiter(
    location: RunLocation,
    waiter: { field: string; timeoutId: string; note?: string },
    entry: RunEntry,
    limits: LogLimits,
  ): Promise<{ start: number; end: number } | 'gone' | Refusal>;
  keepNote(
    location: RunLocation,
    event: { eventId: string; noteName: string },
    data: Buffer,
    limits: { maxNotes: number; maxBytes: number },
  ): Promise<'over' | 'kept' | 'full' | string[]>;
  /** What takes a call of a webhook: the fields of waiters, or the room for what is kept. */
  findWaiters(
    location: RunLocation,
    eventId: string,
  ): Promise<'over' | { fields: string[]; notes: number; noteBytes: number }>;
  /** Stores a message that is not in the log, and notes it in a field of the run, unless that was changed meanwhile. */
  send(
    location: RunLocation,
    message: Pick<RunEntry, 'head' | 'data'>,
    field: string,
    value: { before: string; now: string },
  ): Promise<'sent' | 'changed'>;
  /** Removes a dead letter; how many there were. */
  removeLetter(shard: number, dlqId: string): Promise<number>;
  /** @param copy name of the copy of a log, which becomes that of the run or is removed */
  resume(
    location: RunLocation,
    copy: string,
    fields: Record<string, string>,
    messages: readonly Pick<RunEntry, 'head' | 'data'>[],
    maxRuns: number,
  ): Promise<'started' | 'known' | 'full'>;
  end(
    location: RunLocation,
    state: string,
    retentionMs: number,
    shards: number,
    fields: Record<string, string>,
    failureMessage?: Pick<RunEntry, 'head' | 'data'>,
  ): Promise<{
    result: 'ended' | 'over' | 'unknown';
    createdAt?: number;
    dlqId?: string;
    /** Messages that have a flow-control key. */
    dropped: { id: string; flowKey: string }[];
  }>;
}

const files = {
  startRun: 'start-run.lua',
  appendSteps: 'append-steps.lua',
  registerWaiter: 'register-waiter.lua',
  resumeWaiter: 'resume-waiter.lua',
  keepNote: 'keep-note.lua',
  findWaiters: 'find-waiters.lua',
  endRun: 'end-run.lua',
  sendMessage: 'send-message.lua',
  resumeRun: 'resume-run.lua',
  removeLetter: 'remove-letter.lua',
} as const;

/** What replaces the data of a message that is canceled with its run; its body is in the log of the run. */
const canceledData = {
  waiting: JSON.stringify({ canceled: 'waiting' } satisfies Canceled),
  inFlight: JSON.stringify({ canceled: 'in flight' } satisfies Canceled),
};

const numberOfKeys = 11;
type Argument = string | number | Buffer;
type RunCommand = (...keysAndArguments: Argument[]) => Promise<string[]>;
type RunCommands = Record<keyof typeof files, RunCommand> & {
  registerWaiterBuffer: (...keysAndArguments: Argument[]) => Promise<Buffer[]>;
};

/** Defines the scripts on a connection. */
export function createRunScripts(redis: RedisConnection): RunScripts {
  const read = (file: string) => readFileSync(new URL(`scripts/${file}`, import.meta.url), 'utf8');
  const prelude = include(read('prelude.lua'));
  for (const [name, file] of Object.entries(files)) {
    redis.defineCommand(name, { lua: `${prelude}\n${read(file)}`, numberOfKeys });
  }
  const commands = redis as unknown as RunCommands;

  let total = 0;
  const begin = ({ shard, runId, createdAt }: RunLocation): Argument[] => {
    total++;
    const { keys, jobPrefix } = listAddArguments(shard);
    return [...keys, runKeys.base(shard), keyspace.pendingHead(shard), jobPrefix, runId, createdAt ?? ''];
  };
  const list = (entry: RunEntry) => [
    entry.key,
    entry.messageId,
    entry.element,
    entry.description,
    entry.head,
    entry.data,
  ];

  return {
    total: () => total,
    async start(location, mode, fields, entry, maxRuns) {
      const pairs = Object.entries(fields).flat();
      const [result, messageId = ''] = await commands.startRun(
        ...begin(location),
        mode,
        maxRuns,
        pairs.length,
        ...pairs,
        ...list(entry),
      );
      return { result: result as 'started' | 'known' | 'full' | 'over', messageId };
    },

    async append(location, entries, { maxLogBytes, maxSteps }) {
      const ids = await commands.appendSteps(...begin(location), maxLogBytes, maxSteps, ...entries.flatMap(list));
      return ids[0] === '' ? (ids[1] as Refusal) : ids;
    },

    async registerWaiter(location, waiter, { head, data }, { maxLogBytes, maxSteps }) {
      const { key, field, json, noteName, timeoutId } = waiter;
      const [result, noteField, note] = await commands.registerWaiterBuffer(
        ...begin(location),
        key,
        field,
        `${timeoutId} ${json}`,
        noteName,
        timeoutId,
        head,
        data,
        maxLogBytes,
        maxSteps,
      );
      return {
        result: String(result) as Refusal | 'known' | 'waits' | 'gone',
        ...(noteField && note ? { note: { field: noteField.toString(), data: note } } : {}),
      };
    },

    async resumeWaiter(location, { field, timeoutId, note }, entry, { maxLogBytes, maxSteps }) {
      const [id, start, end] = await commands.resumeWaiter(
        ...begin(location),
        field,
        timeoutId,
        note ?? '',
        maxLogBytes,
        maxSteps,
        ...list(entry),
      );
      if (id === '') return (start as Refusal | undefined) ?? 'gone';
      return { start: Number(start ?? 0), end: Number(end ?? 0) };
    },

    async keepNote(location, { eventId, noteName }, data, { maxNotes, maxBytes }) {
      const [result, ...fields] = await commands.keepNote(
        ...begin(location),
        eventId,
        data,
        maxNotes,
        maxBytes,
        noteName,
      );
      return result === 'waits' ? fields : (result as 'over' | 'kept' | 'full');
    },

    async findWaiters(location, eventId) {
      const [result, notes, noteBytes, ...fields] = await commands.findWaiters(...begin(location), eventId);
      return result === 'over' ? 'over' : { fields, notes: Number(notes), noteBytes: Number(noteBytes) };
    },

    async send(location, { head, data }, field, { before, now }) {
      const [result] = await commands.sendMessage(...begin(location), head, data, field, now, before);
      return result as 'sent' | 'changed';
    },

    async removeLetter(shard, dlqId) {
      const [removed] = await commands.removeLetter(...begin({ shard, runId: '' }), dlqId);
      return Number(removed);
    },

    async resume(location, copy, fields, messages, maxRuns) {
      const pairs = Object.entries(fields).flat();
      const more = messages.flatMap(({ head, data }) => [head, data]);
      const [result] = await commands.resumeRun(...begin(location), copy, maxRuns, pairs.length, ...pairs, ...more);
      return result as 'started' | 'known' | 'full';
    },

    async end(location, state, retentionMs, shards, fields, message) {
      const pairs = Object.entries(fields).flat();
      const more = message ? [message.head, message.data] : [];
      const [result, createdAt, dlqId, ...pairsOfDropped] = await commands.endRun(
        ...begin(location),
        state,
        Math.ceil(retentionMs),
        location.shard,
        shards,
        canceledField,
        canceledData.waiting,
        canceledData.inFlight,
        pairs.length,
        ...pairs,
        ...more,
      );
      if (result !== 'ended') return { result: result as 'over' | 'unknown', dropped: [] };
      const dropped: { id: string; flowKey: string }[] = [];
      for (let index = 0; index + 1 < pairsOfDropped.length; index += 2) {
        dropped.push({ id: pairsOfDropped[index] ?? '', flowKey: pairsOfDropped[index + 1] ?? '' });
      }
      return { result, createdAt: Number(createdAt), ...(dlqId ? { dlqId } : {}), dropped };
    },
  };
}
