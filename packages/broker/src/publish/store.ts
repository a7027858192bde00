import type { Message } from '@posthorn/shared';
import type { BodyStore } from '../shards/body.ts';
import type { NewJob } from '../shards/shard.ts';
import type { Shards } from '../shards/shards.ts';

/** Messages with one body that are valid and not stored yet. */
export interface Draft {
  /** Made by a publish to a URL group: its reply is a list. */
  isGroup: boolean;
  /** The body of all messages. */
  bytes: Buffer;
  messages: (Pick<NewJob, 'id' | 'once'> & {
    shard: number;
    /** Without a body: the bytes are too many to lie in the message. */
    message: Omit<Message, 'body'> & { body?: Message['body'] };
  })[];
}

/** What became of one message; `id` is that of an earlier message if it was one of those that exist once only. */
export type Stored = { id: string; isDuplicate: boolean } | { error: unknown };

export interface StoreParts {
  shards: Shards;
  bodies: BodyStore;
}

/**
 * Stores the messages of all drafts, in their order, with one pipeline per shard. When it resolves, what it says is
 * stored is as durable as Redis promises (contract, delivery.md section 20). It never rejects: an error may mean that
 * the message is stored, or that it is not.
 */
export async function store(parts: StoreParts, drafts: readonly Draft[]): Promise<Stored[][]> {
  const { shards, bodies } = parts;
  const results: Stored[][] = drafts.map(({ messages }) => messages.map(() => ({ error: undefined })));
  const byShard = new Map<number, { job: NewJob; place: [draft: number, message: number] }[]>();
  const bodyWrites: Promise<unknown>[] = [];

  drafts.forEach(({ messages, bytes }, draftIndex) => {
    // A body that is not in the messages themselves lies beside the first one.
    const [first] = messages;
    const key = first && !first.message.body ? first.id : undefined;
    if (first && key !== undefined) {
      const ids = messages.map(({ id }) => id);
      bodyWrites.push(bodies.put(first.shard, key, bytes, ids));
    }
    messages.forEach(({ id, shard, message, once }, messageIndex) => {
      const body: Message['body'] = message.body ?? { kind: 'stored', key: key ?? id };
      const job: NewJob = { id, message: { ...message, body }, ...(once ? { once } : {}) };
      const jobs = byShard.get(shard) ?? [];
      jobs.push({ job, place: [draftIndex, messageIndex] });
      byShard.set(shard, jobs);
    });
  });

  // The bodies are sent first: on one connection they are there when the messages are.
  const stored = Promise.all(bodyWrites);
  const followUps: Promise<unknown>[] = [];
  const adds = Array.from(byShard, async ([shard, jobs]) => {
    const added = shards.at(shard).add(jobs.map(({ job }) => job));
    const [ids] = await Promise.all([added, stored]);
    jobs.forEach(({ job, place: [draft, message] }, index) => {
      const id = ids[index] ?? job.id;
      const isDuplicate = id !== job.id;
      (results[draft] ?? [])[message] = { id, isDuplicate };
      if (isDuplicate) followUps.push(dismiss(parts, job, id));
      else if (job.message.body.kind === 'stored') {
        // What exists once may have been stored before, and have ended.
        followUps.push(job.once ? confirmBodyOf(parts, id) : confirm(parts, job.message.body.key));
      }
    });
  });
  const settled = await Promise.allSettled(adds);

  Array.from(byShard.values()).forEach((jobs, index) => {
    const result = settled[index];
    if (result?.status !== 'rejected') return;
    for (const { place } of jobs) (results[place[0]] ?? [])[place[1]] = { error: result.reason };
  });
  try {
    await Promise.all(followUps);
  } catch (error) {
    return results.map((messages) => messages.map(() => ({ error })));
  }
  return results;
}

/** Takes back the body of a message that was not needed, and makes sure of that of the message that it repeats. */
async function dismiss(parts: StoreParts, { id, message }: NewJob, firstId: string): Promise<void> {
  const { body } = message;
  if (body.kind === 'stored') await parts.bodies.release(parts.shards.shardOf(body.key) ?? 0, body.key, id, 0);
  // Whoever stored the first message may have died before its body was confirmed.
  await confirmBodyOf(parts, firstId);
}

async function confirmBodyOf(parts: StoreParts, id: string): Promise<void> {
  const job = await parts.shards.at(parts.shards.shardOf(id) ?? 0).get(id);
  if (job?.message.body.kind === 'stored') await confirm(parts, job.message.body.key);
}

async function confirm({ shards, bodies }: StoreParts, key: string): Promise<void> {
  await bodies.confirm(shards.shardOf(key) ?? 0, key);
}
