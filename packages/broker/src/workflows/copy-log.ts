import { randomText } from '@posthorn/shared';
import { runKeys } from './run-keys.ts';
import type { RunLogEntry } from './run-log.ts';
import type { RunParts } from './run-parts.ts';

/** A copy that no run takes expires so long after it was last written. */
const unconfirmedMs = 600_000;
/** Bytes of the log that are copied at once. */
const pieceBytes = 1024 * 1024;
/** Elements that are copied at once: each may have many headers. */
const entriesAtOnce = 200;

/** What is copied, and what is different in the copy. */
export interface CopiedLog {
  from: { shard: number; name: string };
  to: { shard: number; runId: string };
  entries: readonly RunLogEntry[];
  /** Ids of messages in place of others, of the same length. */
  newIds: ReadonlyMap<string, string>;
  /** What the new run has accepted once: keys and message ids in turn. */
  steps: readonly string[];
}

/**
 * Copies a log under a name of its own, so that copies made at the same time, and the log of a run that exists already, are
 * left alone.
 *
 * @returns the name of the copy, and the bytes of the descriptions in it; `undefined` if the log was removed in the meantime
 */
export async function copyLog(
  { redis }: Pick<RunParts, 'redis'>,
  { from, to, entries, newIds, steps }: CopiedLog,
): Promise<{ name: string; otherBytes: number } | undefined> {
  const name = `${to.runId} ${randomText(21)}`;
  const source = runKeys.log(from.shard, from.name);
  const [log, list, accepted] = [
    runKeys.log(to.shard, name),
    runKeys.entries(to.shard, name),
    runKeys.steps(to.shard, name),
  ];
  const end = entries.at(-1)?.end ?? 0;
  const append = async (text: string) => {
    await Promise.all([redis.append(log, text), redis.pexpire(log, unconfirmedMs)]);
  };
  const appendRange = async (start: number, stop: number): Promise<boolean> => {
    for (let at = start; at < stop; at += pieceBytes) {
      const size = Math.min(pieceBytes, stop - at);
      const piece = await redis.getrange(source, at, at + size - 1);
      if (piece.length < size) return false;
      await append(piece);
    }
    return true;
  };

  let copied = 0;
  for (const { messageId, start } of entries) {
    const newId = newIds.get(messageId);
    if (newId === undefined) continue;
    const idAt = start + '{"messageId":"'.length;
    if (!(await appendRange(copied, idAt))) return undefined;
    await append(newId);
    copied = idAt + newId.length;
  }
  if (!(await appendRange(copied, end))) return undefined;

  let otherBytes = 0;
  for (let at = 0; at < entries.length; at += entriesAtOnce) {
    const last = Math.min(at + entriesAtOnce, entries.length) - 1;
    const texts = await redis.lrange(runKeys.entries(from.shard, from.name), at, last);
    if (texts.length <= last - at) return undefined;
    const some = texts.map((text) => {
      const [, before = '', id = '', description = ''] = /^(\d+ \d+ \d+ )(\S+) (.*)$/s.exec(text) ?? [];
      otherBytes += Buffer.byteLength(description);
      return `${before}${newIds.get(id) ?? id} ${description}`;
    });
    await Promise.all([redis.rpush(list, ...some), redis.pexpire(list, unconfirmedMs)]);
  }
  const pairs = steps.map((text) => newIds.get(text) ?? text);
  if (pairs.length > 0) await Promise.all([redis.hset(accepted, ...pairs), redis.pexpire(accepted, unconfirmedMs)]);
  return { name, otherBytes };
}
