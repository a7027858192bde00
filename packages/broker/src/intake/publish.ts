import { setImmediate } from 'node:timers/promises';
import {
  DestinationError,
  findHeaderExcess,
  ForwardError,
  groupNotFound,
  hidePassword,
  invalidSchemeText,
  listHeaders,
  mergeHeaders,
  PosthornError,
  PublishOptionsError,
  type BatchReply,
  type PublishReply,
  type Published,
  type UrlGroup,
} from '@posthorn/shared';
import type { Queues } from '../views/queues/queues.ts';
import type { UrlGroups } from '../url-groups/url-groups.ts';
import { maxInlineBytes } from '../engine/shards/body.ts';
import { accept, type AcceptParts, type PublishRequest } from './accept.ts';
import { startDeadline, type Deadline } from './deadline.ts';
import { requireStored, store, type Draft, type Stored, type StoredMessage, type StoreParts } from './store.ts';

export interface PublishParts extends AcceptParts, StoreParts {
  urlGroups: UrlGroups;
  queues: Queues;
}

/**
 * Accepts a message: one for a URL, one per endpoint for a URL group. It resolves only when all of them are stored as
 * durably as Redis promises (contract D1).
 *
 * @throws {PosthornError | DestinationError | PublishOptionsError | ForwardError} for what is wrong with the request,
 *   and `unavailable` or Redis' own errors; then the message may or may not be stored
 */
export function publish(parts: PublishParts, request: PublishRequest): Promise<PublishReply> {
  return startDeadline().limit(publishInTime(parts, request));
}

async function publishInTime(parts: PublishParts, request: PublishRequest): Promise<PublishReply> {
  const { destination } = request;
  const group = destination.kind === 'urlGroup' ? await findGroup(parts.urlGroups, destination.name) : undefined;
  const draft = accept(parts, withDefaults(request, group), group);
  const queueNames = listQueueNames([draft]);
  if (queueNames.size > 0) await ensureQueues(parts.queues, queueNames);
  const [stored = []] = await store(parts, [draft]);
  return formatReply(draft, requireStored(stored));
}

/**
 * Accepts many messages: checks all of them before the first is stored, and then tells of each what became of it
 * (contract P13, P14).
 *
 * @throws what `publish` throws, with the number of the item in front, and Redis' own error if nothing could be stored
 */
export async function publishBatch(parts: PublishParts, requests: readonly PublishRequest[]): Promise<BatchReply> {
  const deadline = startDeadline();
  const items = requests.map((request, index) => ({ request, index }));
  const drafts = await draftBatch(parts, items, deadline);
  return storeBatch(parts, requests, drafts, deadline);
}

/** An item of a batch, and its index in the request. */
export interface BatchItem {
  request: PublishRequest;
  index: number;
}

/**
 * Checks items of a batch and makes their messages; nothing is stored but the queues that they need.
 *
 * @param deadline for what is asked of Redis; the checks themselves may take their time
 * @throws what `publish` throws, with the number of the item in front
 */
export async function draftBatch(
  parts: PublishParts,
  items: readonly BatchItem[],
  deadline: Deadline,
): Promise<Draft[]> {
  const groups = new Map<string, Promise<UrlGroup>>();
  for (const {
    request: { destination },
  } of items) {
    if (destination.kind !== 'urlGroup' || groups.has(destination.name)) continue;
    groups.set(destination.name, findGroup(parts.urlGroups, destination.name));
  }
  await deadline.limit(Promise.allSettled(groups.values()));

  const drafts: Draft[] = [];
  let pausedAt = performance.now();
  for (const { request, index } of items) {
    try {
      const { destination } = request;
      const group = destination.kind === 'urlGroup' ? await groups.get(destination.name) : undefined;
      drafts.push(accept(parts, withDefaults(request, group), group));
    } catch (error) {
      throw nameItem(error, index);
    }
    if (performance.now() - pausedAt < maxBusyMs) continue;
    await setImmediate();
    pausedAt = performance.now();
  }
  await deadline.limit(ensureQueues(parts.queues, listQueueNames(drafts)));
  return drafts;
}

/**
 * Stores the messages of a batch.
 *
 * @param deadline ends the attempt to store the first of them, and is restarted for those that follow
 * @throws `unavailable` or Redis' own error if nothing could be stored
 */
export async function storeBatch(
  parts: PublishParts,
  requests: readonly PublishRequest[],
  drafts: readonly Draft[],
  deadline: Deadline,
): Promise<BatchReply> {
  const results: Stored[][] = [];
  try {
    for (const slice of slices(drafts, requests)) {
      results.push(...(await deadline.limit(store(parts, slice))));
      deadline.restart();
    }
  } catch (error) {
    // Redis is in trouble: the others are not even tried.
    for (const { messages } of drafts.slice(results.length)) results.push(messages.map(() => ({ error })));
  }
  const errors = results.flat().flatMap((result) => ('error' in result ? [result.error] : []));
  if (errors.length === results.flat().length) throw errors[0];
  return drafts.map((draft, index) => {
    const stored = results[index] ?? [];
    if (stored.every((result) => 'id' in result)) return formatReply(draft, stored);
    return { error: `failed to publish to url: the message could not be stored` };
  });
}

/** How long a batch may keep other requests waiting while its items are checked. */
const maxBusyMs = 20;
/**
 * What is stored in one go. A batch of 1,000 items for groups of 100 endpoints is 100,000 messages: written at once they
 * would stop all other requests for seconds, and fill the memory of the process and the time limit of Redis, which a busy
 * machine needs a good part of for a few hundred.
 */
const maxAtOnce = { messages: 250, bytes: 4 * 1024 * 1024 };

/** The drafts in their order, cut so that no slice of several exceeds what is stored in one go. */
function* slices(drafts: readonly Draft[], requests: readonly PublishRequest[]): Generator<Draft[]> {
  let slice: Draft[] = [];
  let messages = 0;
  let bytes = 0;
  for (const [index, draft] of drafts.entries()) {
    const draftBytes = estimateBytes(draft, requests[index]?.headers ?? []);
    const isOver = messages + draft.messages.length > maxAtOnce.messages || bytes + draftBytes > maxAtOnce.bytes;
    if (slice.length > 0 && isOver) {
      yield slice;
      [slice, messages, bytes] = [[], 0, 0];
    }
    slice.push(draft);
    messages += draft.messages.length;
    bytes += draftBytes;
  }
  yield slice;
}

/** A large body is stored once, a small one and the headers in each message. */
function estimateBytes({ bytes, messages }: Draft, headers: readonly string[]): number {
  const headerBytes = headers.reduce((sum, text) => sum + text.length, 0);
  return bytes.length + messages.length * (headerBytes + Math.min(bytes.length, maxInlineBytes));
}

/** Creates the queues that do not exist: a queue is created by its first message (contract P10). */
export async function ensureQueues(queues: Queues, names: Iterable<string | undefined>): Promise<void> {
  for (const name of new Set(names)) if (name !== undefined) await queues.ensure(name);
}

function listQueueNames(drafts: readonly Draft[]): Set<string> {
  const names = new Set<string>();
  for (const { messages } of drafts) {
    for (const { message } of messages) if (message.queueName !== undefined) names.add(message.queueName);
  }
  return names;
}

/** @throws {PosthornError | DestinationError} when there is no such group */
export async function findGroup(urlGroups: UrlGroups, name: string): Promise<UrlGroup> {
  const group = await urlGroups.get(name);
  if (group) return group;
  // A text with a dot is far more often a URL without its scheme than the name of a group.
  if (name.includes('.')) throw new DestinationError(invalidSchemeText);
  throw groupNotFound(name);
}

/**
 * The default headers of a group count where the request says nothing (contract D52).
 *
 * @throws {PosthornError} `headers_too_large` when both together are more than a message may have
 */
export function withDefaults(request: PublishRequest, group: UrlGroup | undefined): PublishRequest {
  if (!group?.headers) return request;
  const headers = mergeHeaders(request.headers, listHeaders(group.headers));
  const excess = findHeaderExcess(headers);
  if (excess !== undefined) {
    throw new PosthornError('headers_too_large', `${excess} These include the default headers of topic ${group.name}.`);
  }
  return { ...request, headers };
}

function formatReply({ isGroup, messages }: Draft, stored: readonly StoredMessage[]): PublishReply {
  const published = stored.map((result, index): Published => {
    const url = messages[index]?.message.url ?? '';
    return { messageId: result.id, url: hidePassword(url), ...(result.isDuplicate ? { deduplicated: true } : {}) };
  });
  const [only] = published;
  return !isGroup && only ? only : published;
}

/** The same error about one item of a batch. */
export function nameItem(error: unknown, index: number): unknown {
  const where = `item ${index}`;
  if (error instanceof PosthornError) return new PosthornError(error.code, `${where}: ${error.message}`);
  if (error instanceof DestinationError || error instanceof PublishOptionsError || error instanceof ForwardError) {
    return new PosthornError('invalid_request', `${where}: ${error.message}`);
  }
  return error;
}
