import type { MessageListFilter, MessageSummary, State } from '@posthorn/shared';
import type { Shards } from '../../engine/shards/shards.ts';

/** Messages that are read to see whether they match. */
const maxCandidates = 200;

/** States after which a message has ended. */
export const finalStates: readonly State[] = ['DELIVERED', 'FAILED', 'CANCELED'];

/**
 * The only page of a list of messages that have not ended, if there are few of them: the index of pending messages finds
 * them at once, however many other entries the log has.
 *
 * @param readSummary gives a message if it matches
 * @returns `undefined` if the log must be read: it is not the first page, or the index cannot tell, or has many that match
 */
export async function listFewPending(
  shards: Shards,
  filter: MessageListFilter,
  readSummary: (messageId: string) => Promise<MessageSummary | undefined>,
): Promise<MessageSummary[] | undefined> {
  const { state, cursor, count } = filter;
  if (cursor !== undefined || !state || state.some((one) => finalStates.includes(one))) return undefined;
  const ids = new Set<string>();
  const collect = async (shard: number): Promise<boolean> => {
    const search = await shards.at(shard).searchIndex(filter);
    if (!search) return false;
    for await (const page of search) {
      for (const id of page) ids.add(id);
      if (ids.size > maxCandidates) return false;
    }
    return true;
  };
  const areKnown = await Promise.all(Array.from({ length: shards.count }, (_, shard) => collect(shard)));
  if (areKnown.includes(false)) return undefined;
  const summaries = await Promise.all(Array.from(ids, readSummary));
  const messages = summaries.filter((summary) => summary !== undefined);
  return messages.length > count ? undefined : messages.sort((a, b) => b.updatedAt - a.updatedAt);
}
