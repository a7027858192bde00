import type { FlowControl, Message } from '@posthorn/shared';
import type { LogStore } from '../engine/log/log-store.ts';
import { createdEntry } from '../engine/log/log-entries.ts';
import type { BodyStore } from '../engine/shards/body.ts';
import { firstLane, flowLane, queueLane, type Lanes, type Slot } from '../engine/lanes/lanes.ts';
import type { NewDelivery } from '../engine/shards/add-messages.ts';
import type { Shards } from '../engine/shards/shards.ts';
import type { StatsCounter } from '../views/stats/counter.ts';

/** Messages with one body that are valid and not stored yet. */
export interface Draft {
  /** Made by a publish to a URL group: its reply is a list. */
  isGroup: boolean;
  /** The body of all messages. */
  bytes: Buffer;
  messages: (Pick<NewDelivery, 'id' | 'once'> & {
    shard: number;
    /** Without a body: the bytes are too many to lie in the message. */
    message: Omit<Message, 'body'> & { body?: Message['body'] };
  })[];
}

/** What became of one message; `id` is that of an earlier message if it was one of those that exist once only. */
export type Stored = StoredMessage | { error: unknown };

export interface StoredMessage {
  id: string;
  isDuplicate: boolean;
}

/** The same messages, if all of them are stored. @throws the first error */
export function requireStored(results: readonly Stored[]): StoredMessage[] {
  return results.map((result) => {
    if ('error' in result) throw result.error;
    return result;
  });
}

export interface StoreParts {
  shards: Shards;
  bodies: BodyStore;
  logs: LogStore;
  lanes: Lanes;
  /** Called with the number of messages that were stored. */
  stored?: (count: number) => void;
  stats: Pick<StatsCounter, 'accepted'>;
}

/**
 * Stores the messages of all drafts, in their order, with one pipeline per shard. When it resolves, the messages that it
 * reports as stored are as durable as Redis promises (contract D1). An `error` in the result may mean
 * that the message is stored, or that it is not; it rejects only before anything is stored.
 */
export async function store(parts: StoreParts, drafts: readonly Draft[]): Promise<Stored[][]> {
  const only = drafts.length === 1 && drafts[0]?.messages.length === 1 ? drafts[0].messages[0] : undefined;
  if (only && isPlain(only)) return [[await storePlain(parts, only)]];

  const { shards, bodies, logs } = parts;
  const { parked, unsaid } = await enterLanes(parts, drafts);
  const results: Stored[][] = drafts.map(({ messages }) => messages.map(() => ({ error: undefined })));
  const byShard = new Map<number, Addition[]>();
  const all: Addition[] = [];
  const bodyWrites: Promise<unknown>[] = [];
  const followUps: Promise<unknown>[] = [];

  drafts.forEach(({ messages, bytes }, draftIndex) => {
    // A body that is not in the messages themselves lies beside the first one.
    const [first] = messages;
    const key = first && !first.message.body ? first.id : undefined;
    if (first && key !== undefined) {
      const ids = messages.map(({ id }) => id);
      bodyWrites.push(bodies.put(key, bytes, ids));
    }
    messages.forEach(({ id, shard, message, once }, messageIndex) => {
      const body: Message['body'] = message.body ?? { kind: 'stored', key: key ?? id, sizeBytes: bytes.length };
      const delivery: NewDelivery = { id, message: { ...message, body }, ...(once ? { once } : {}), ...parked.get(id) };
      const addition: Addition = { delivery, shard, at: [draftIndex, messageIndex] };
      all.push(addition);
      const others = byShard.get(shard);
      if (others) others.push(addition);
      else byShard.set(shard, [addition]);
    });
  });

  for (const { delivery } of all) {
    const { queueName } = delivery.message;
    if (queueName === undefined || !isDelayed(delivery.message)) continue;
    // Sent together with the message, whose queue shows it from then on. If it fails, the message is as good without.
    const delay = parts.lanes.delay(queueLane(queueName), delivery.id, delivery.message.notBefore);
    followUps.push(delay.catch(() => undefined));
  }

  let newMessages = 0;
  const adds = Array.from(byShard, async ([shard, additions]) => {
    // A Redis that is full may refuse a body and then take its message, which would end in the dead letter queue.
    if (bodyWrites.length > 0) await Promise.all(bodyWrites);
    for (const { delivery } of additions) logs.list(delivery.id, [createdEntry(delivery.message)], delivery.message);
    const ids = await shards.at(shard).add(additions.map(({ delivery }) => delivery));
    additions.forEach(({ delivery, at: [draft, message] }, index) => {
      const id = ids[index] ?? delivery.id;
      const isDuplicate = id !== delivery.id;
      (results[draft] ?? [])[message] = { id, isDuplicate };
      if (isDuplicate) {
        followUps.push(dismiss(parts, shard, delivery, id));
        return;
      }
      newMessages++;
      parts.stats.accepted(delivery.message);
      if (delivery.message.body.kind === 'stored') {
        // What exists once may have been stored before, and have ended.
        followUps.push(delivery.once ? confirmBodyOf(parts, shard, id) : bodies.confirm(delivery.message.body, [id]));
      }
    });
  });
  const settled = await Promise.allSettled(adds);
  parts.stored?.(newMessages);

  Array.from(byShard.values()).forEach((additions, index) => {
    const result = settled[index];
    if (result?.status !== 'rejected') return;
    for (const { at } of additions) (results[at[0]] ?? [])[at[1]] = { error: result.reason };
  });
  // In the order of the drafts, which becomes that of a queue.
  const stored = all.filter(({ at }) => {
    const result = results[at[0]]?.[at[1]];
    return result && 'id' in result && !result.isDuplicate;
  });
  for (const { delivery, shard } of stored)
    if (delivery.parkedMs !== undefined) followUps.push(enterLane(parts, shard, delivery));
  for (const limits of findLastLimits(stored, unsaid)) followUps.push(parts.lanes.setLimits(flowLane(limits), limits));
  try {
    await Promise.all(followUps);
  } catch (error) {
    return results.map((messages) => messages.map(() => ({ error })));
  }
  return results;
}

/** A message for which nothing but itself is stored, as most are. */
type PlainMessage = Draft['messages'][number] & { message: Message };

function isPlain(draft: Draft['messages'][number]): draft is PlainMessage {
  const { body, queueName, flowControl } = draft.message;
  return body !== undefined && body.kind !== 'stored' && queueName === undefined && !flowControl && !draft.once;
}

async function storePlain({ shards, logs, stats, stored }: StoreParts, plain: PlainMessage): Promise<Stored> {
  const { id, shard, message } = plain;
  logs.list(id, [createdEntry(message)], message);
  try {
    await shards.at(shard).add([{ id, message }]);
  } catch (error) {
    return { error };
  }
  stored?.(1);
  stats.accepted(message);
  return { id, isDuplicate: false };
}

function isDelayed({ createdAt, notBefore }: Pick<Message, 'createdAt' | 'notBefore'>): boolean {
  return notBefore > createdAt;
}

/** A message to add, and where its result goes. */
interface Addition {
  delivery: NewDelivery;
  shard: number;
  at: [draft: number, message: number];
}

/** The limits that messages were stored with last, of the keys that keep other limits as yet. */
function findLastLimits(stored: readonly Addition[], unsaid: ReadonlySet<string>): FlowControl[] {
  const last = new Map<string, FlowControl>();
  const keys = new Set<string>();
  for (const { delivery } of stored) {
    const { flowControl } = delivery.message;
    if (!flowControl) continue;
    last.set(flowControl.key, flowControl);
    if (unsaid.has(delivery.id)) keys.add(flowControl.key);
  }
  return [...last.values()].filter(({ key }) => keys.has(key));
}

/** A message that was stored asleep enters its lane before it is acknowledged, and is woken if it gets a slot. */
async function enterLane({ lanes, shards }: StoreParts, shard: number, delivery: NewDelivery): Promise<void> {
  const lane = firstLane(delivery.message);
  if (!lane) return;
  const slot = await lanes.enterAsleep(lane, delivery.id);
  if (slot.has || slot.waitMs <= unenteredMs) return;
  // Not awaited: if it fails, the message only asks for its slot once more than necessary.
  shards
    .at(shard)
    .sleepUntil(delivery, Date.now() + slot.waitMs)
    .catch(() => undefined);
}

/**
 * If the publisher or Redis dies before the message is known to wait in its lane, the message asks for a slot after this
 * time. One with a flow-control key may have been granted a slot before it was stored, and have lost it.
 */
const unenteredMs = 10_000;

interface Entered {
  /** Messages that are stored as sleeping jobs. */
  parked: Map<string, { parkedMs: number }>;
  /** Messages whose limits do not count yet for their keys. They do when the messages are stored. */
  unsaid: Set<string>;
}

/**
 * Takes messages to their lanes before they are stored. Queue messages enter afterwards: a message granted a slot before
 * it exists would lose it. Flow-control messages enter first and are stored asleep only if they get no slot; the limits of
 * one that may be a duplicate change nothing before it is stored. A delayed message enters when it is due.
 */
async function enterLanes({ lanes }: StoreParts, drafts: readonly Draft[]): Promise<Entered> {
  const parked: Entered['parked'] = new Map();
  const unsaid: Entered['unsaid'] = new Set();
  const steps: Promise<unknown>[] = [];
  for (const { id, message, once } of drafts.flatMap(({ messages }) => messages)) {
    const { flowControl, queueName } = message;
    if (queueName !== undefined && !isDelayed(message)) parked.set(id, { parkedMs: unenteredMs });
    if (!flowControl) continue;
    const lane = flowLane(flowControl);
    const park = (slot: Slot) => {
      if (!slot.has) parked.set(id, { parkedMs: Math.min(slot.waitMs, unenteredMs) });
    };
    if (queueName !== undefined || isDelayed(message)) unsaid.add(id);
    else if (!once) steps.push(lanes.enter(lane, id, flowControl).then(park));
    else {
      const entering = lanes.enterUnsure(lane, id, flowControl).then(({ slot, keepsOtherLimits }) => {
        park(slot);
        if (keepsOtherLimits) unsaid.add(id);
      });
      steps.push(entering);
    }
  }
  await Promise.all(steps);
  return { parked, unsaid };
}

/** Takes back the body of a message that was not needed, and makes sure of that of the message that it repeats. */
async function dismiss(parts: StoreParts, shard: number, { id, message }: NewDelivery, firstId: string): Promise<void> {
  const { body, flowControl, queueName } = message;
  if (queueName === undefined) {
    if (flowControl) await parts.lanes.leave(flowLane(flowControl), id);
  } else if (isDelayed(message)) await parts.lanes.leave(queueLane(queueName), id);
  await parts.bodies.release(body, id, 0);
  // The process that stored the first message may have died before it confirmed the body.
  await confirmBodyOf(parts, shard, firstId);
}

async function confirmBodyOf({ shards, bodies }: StoreParts, shard: number, id: string): Promise<void> {
  const delivery = await shards.at(shard).get(id);
  if (delivery) await bodies.confirm(delivery.message.body, [id]);
}
