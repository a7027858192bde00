import type { DlqFilter, Message } from '@posthorn/shared';
import { createDigestTest, digestBytes, hashField, readHostHash, writeDigest } from '../../engine/log/digest.ts';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import { keyspace } from '../../engine/redis/keyspace.ts';
import { hashText } from '../../engine/shards/hash.ts';
import type { Shards } from '../../engine/shards/shards.ts';

/**
 * What is in the list beside the id of an entry, so that filters and counts need not read the entry: digest, status, and
 * a hash of the error, which entries of earlier versions do not have.
 */
export function createEntryDigest(message: Message, status: number, error: string): Buffer {
  const bytes = Buffer.alloc(digestBytes + 6);
  writeDigest(message, bytes, 0);
  bytes.writeUInt16LE(status, digestBytes);
  bytes.writeUInt32LE(hashText(error), digestBytes + 2);
  return bytes;
}

/** The cause of an entry in the list: host, status and error, as hashes. Entries of earlier versions have no error there. */
export function readCause(member: Buffer, digestAt: number): string {
  if (digestAt === 0) return formatCause(0, 0, 0);
  const statusAt = digestAt + digestBytes;
  const error = member.length >= statusAt + 6 ? member.readUInt32LE(statusAt + 2) : 0;
  return formatCause(readHostHash(member, digestAt), member.readUInt16LE(statusAt), error);
}

/** Every name that the cause of an entry may have: with its error, and without. */
export function listCauses(url: string, status: number, error: string): string[] {
  const host = hashField(new URL(url).hostname.toLowerCase());
  return [formatCause(host, status, hashText(error)), formatCause(host, status, 0), formatCause(0, 0, 0)];
}

function formatCause(host: number, status: number, error: number): string {
  return `${host.toString(36)}-${status.toString(36)}-${error.toString(36)}`;
}

/** Entries of one shard that are looked at together. */
const lookAtOnce = 1000;
/** Entries that are read beyond the wanted ones: the last ones of a piece may belong after the next piece. */
const spare = 20;

/** Whether a filter needs the entries themselves: what the list has is a hash, and old entries have nothing there. */
export function needsEntries(filter: DlqFilter): boolean {
  return filter.messageId !== undefined || createEntryTest(filter) !== undefined;
}

/**
 * The ids of the entries that a filter may mean, oldest first unless it says otherwise: all that it means, and few others.
 *
 * @param oldest entries from before this instant are left out
 */
export async function* listDlqIds(
  redis: RedisConnection,
  shards: Shards,
  filter: DlqFilter,
  oldest: number,
): AsyncGenerator<string> {
  const isForward = filter.order === 'earliestFirst';
  const compare = (a: string, b: string) => (isForward ? compareDlqIds(a, b) : compareDlqIds(b, a));
  const after = filter.cursor === undefined ? undefined : parseDlqId(filter.cursor);
  const isBehind = (id: string) => !after || compare(id, filter.cursor ?? '') > 0;
  const min = Math.max(oldest, filter.fromDate ?? 0, isForward ? (after?.ms ?? 0) : 0);
  const max = Math.min(filter.toDate ?? Infinity, isForward ? Infinity : (after?.ms ?? Infinity));
  if (filter.messageId) {
    const ids = await findByMessage(redis, shards, filter.messageId);
    yield* ids.filter((id) => isBehind(id) && (parseDlqId(id)?.ms ?? 0) >= min).sort(compare);
    return;
  }

  const test = createEntryTest(filter);
  // Each shard has about its share of them.
  const atOnce = test ? lookAtOnce : Math.min(lookAtOnce, Math.ceil(filter.count / shards.count) + spare);
  const lists = Array.from({ length: shards.count }, (_, shard) => ({
    shard,
    from: isForward ? min : max,
    isDone: false,
    atOnce,
    ids: [] as string[],
  }));
  const readMembers = ({ shard, from, atOnce }: (typeof lists)[number]) => {
    const key = keyspace.dlq(shard);
    return isForward
      ? redis.zrangebyscoreBuffer(key, from, formatScore(max), 'LIMIT', 0, atOnce)
      : redis.zrevrangebyscoreBuffer(key, formatScore(from), min, 'LIMIT', 0, atOnce);
  };
  const fill = async (list: (typeof lists)[number]) => {
    while (!list.isDone && list.ids.length === 0) {
      const members = await readMembers(list);
      list.isDone = members.length < list.atOnce;
      const last = readId(members.at(-1));
      const next = parseDlqId(last)?.ms ?? 0;
      for (const member of members) {
        if (test && !test(member)) continue;
        const id = readId(member);
        // Entries of one instant are not sorted by their number: they are taken together, with the next piece.
        if (isBehind(id) && (list.isDone || parseDlqId(id)?.ms !== next)) list.ids.push(id);
      }
      list.ids.sort(compare);
      // All of one instant: only a larger piece goes beyond it. Behind it the usual size is enough again.
      list.atOnce = next === list.from || parseDlqId(readId(members[0]))?.ms === next ? list.atOnce * 2 : atOnce;
      list.from = next;
    }
  };

  for (;;) {
    const empty = lists.filter(({ ids, isDone }) => ids.length === 0 && !isDone);
    if (empty.length > 0) await Promise.all(empty.map(fill));
    let first: (typeof lists)[number] | undefined;
    for (const list of lists) {
      const id = list.ids[0];
      if (id !== undefined && (!first || compare(id, first.ids[0] ?? '') < 0)) first = list;
    }
    const id = first?.ids.shift();
    if (id === undefined) return;
    yield id;
  }
}

function formatScore(ms: number): number | string {
  return ms === Infinity ? '+inf' : ms;
}

/** The id of the dead letter of a message, if it has one. */
export async function findDlqId(redis: RedisConnection, shard: number, messageId: string): Promise<string | undefined> {
  return (await redis.hget(keyspace.dlqIds(shard), messageId)) ?? undefined;
}

async function findByMessage(redis: RedisConnection, shards: Shards, messageIds: readonly string[]): Promise<string[]> {
  const ids = await Promise.all(
    [...new Set(messageIds)].map(async (messageId) => {
      const shard = shards.shardOf(messageId);
      return shard === undefined ? undefined : findDlqId(redis, shard, messageId);
    }),
  );
  return ids.filter((id) => id !== undefined);
}

/** A test of a member of the list; one from before there were digests passes. */
export function createEntryTest(filter: DlqFilter): ((member: Buffer) => boolean) | undefined {
  const { responseStatus, cause } = filter;
  const digestTest = createDigestTest(filter);
  if (!digestTest && !responseStatus && !cause) return undefined;
  return (member) => {
    const at = member.indexOf(colon) + 1;
    if (at === 0) return !cause || cause.includes(readCause(member, at));
    if (responseStatus && !responseStatus.includes(member.readUInt16LE(at + digestBytes))) return false;
    if (cause && !cause.includes(readCause(member, at))) return false;
    return digestTest?.(member, at) ?? true;
  };
}

const colon = ':'.charCodeAt(0);

/** The id at the start of a member of the list. */
function readId(member: Buffer | undefined): string {
  if (!member) return '';
  const end = member.indexOf(colon);
  return member.toString('latin1', 0, end < 0 ? member.length : end);
}

/** `<unix-ms>-<n>`; `undefined` for any other text. */
export function parseDlqId(text: string): { ms: number; n: number } | undefined {
  const match = /^(\d{1,15})-(\d{1,9})$/.exec(text);
  return match ? { ms: Number(match[1]), n: Number(match[2]) } : undefined;
}

export function compareDlqIds(a: string, b: string): number {
  const first = parseDlqId(a);
  const second = parseDlqId(b);
  return (first?.ms ?? 0) - (second?.ms ?? 0) || (first?.n ?? 0) - (second?.n ?? 0);
}
