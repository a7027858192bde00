import {
  DestinationError,
  invalidSchemeText,
  PosthornError,
  type Destination,
  type HeaderMap,
  type Message,
  type PublishOptions,
  type PublishReply,
} from '@posthorn/shared';
import type { DestinationGuard } from '../destinations/destination-guard.ts';
import type { EventLog } from '../events/event-log.ts';
import { inlineBody, maxInlineBytes, type BodyStore } from '../shards/body.ts';
import type { Shards } from '../shards/shards.ts';
import type { UrlGroups } from '../url-groups/url-groups.ts';

/** One publish request, read and valid in itself. */
export interface PublishRequest {
  destination: Destination;
  options: PublishOptions;
  header: HeaderMap;
  body: Buffer;
  callerIp: string;
}

export interface PublishLimits {
  defaultRetries: number;
  maxRetries: number;
  maxDelayMs: number;
  defaultTimeoutMs: number;
  maxTimeoutMs: number;
  maxLabels: number;
}

export interface PublishParts {
  shards: Shards;
  urlGroups: UrlGroups;
  bodies: BodyStore;
  events: EventLog;
  guard: DestinationGuard;
  limits: PublishLimits;
}

/** Where a message goes; through a group, with the names that the delivery and the log show. */
interface Target {
  url: string;
  topicName?: string;
  endpointName?: string;
}

/**
 * Accepts a message: one for a URL, one per endpoint for a URL group. It resolves only when all of them are stored as
 * durably as Redis promises (contract, delivery.md section 20).
 *
 * @throws {PosthornError | DestinationError} and Redis' own errors; then the message may or may not be stored
 */
export async function publish(parts: PublishParts, request: PublishRequest): Promise<PublishReply> {
  const targets = await findTargets(parts.urlGroups, request.destination);
  for (const { url } of targets) {
    const reason = parts.guard.checkUrl(url);
    if (reason) throw new DestinationError(`invalid destination url: ${reason}`);
  }

  const template = createTemplate(request, parts.limits);
  const now = template.createdAt;
  const messages = targets.map((target) => ({ ...parts.shards.newId(now), message: { ...template, ...target } }));
  await store(parts, messages, request.body);

  const published = messages.map(({ id, message }) => ({ messageId: id, url: message.url }));
  const [only] = published;
  return request.destination.kind === 'url' && only ? only : published;
}

async function findTargets(urlGroups: UrlGroups, destination: Destination): Promise<Target[]> {
  if (destination.kind === 'url') return [{ url: destination.url }];
  const group = await urlGroups.get(destination.name);
  if (group) {
    return group.endpoints.map(({ url, name }) => ({
      url,
      topicName: group.name,
      ...(name === undefined ? {} : { endpointName: name }),
    }));
  }
  // A text with a dot is far more often a URL without its scheme than the name of a group.
  if (destination.name.includes('.')) throw new DestinationError(invalidSchemeText);
  throw new PosthornError('not_found', `topic ${destination.name} not found`);
}

/** All that the messages of one publish have in common. */
function createTemplate({ options, header, body, callerIp }: PublishRequest, limits: PublishLimits) {
  const createdAt = Date.now();
  const maxRetries = options.retries ?? limits.defaultRetries;
  if (maxRetries > limits.maxRetries) {
    throw new PosthornError('limit_exceeded', `Upstash-Retries: use at most ${limits.maxRetries}`);
  }
  const notBefore = Math.max(createdAt, options.notBefore ?? createdAt + (options.delayMs ?? 0));
  if (notBefore - createdAt > limits.maxDelayMs) {
    const name = options.notBefore === undefined ? 'Upstash-Delay' : 'Upstash-Not-Before';
    throw new PosthornError('limit_exceeded', `${name}: delay by at most ${limits.maxDelayMs / 1000} seconds`);
  }
  const labels = options.labels ?? [];
  if (labels.length > limits.maxLabels || labels.some((label) => label.length > 256)) {
    throw new PosthornError(
      'invalid_request',
      `Upstash-Label: use at most ${limits.maxLabels} labels of at most 256 characters`,
    );
  }
  return {
    method: options.method ?? 'POST',
    header,
    body: body.length <= maxInlineBytes ? inlineBody(body) : undefined,
    createdAt,
    notBefore,
    maxRetries,
    timeoutMs: Math.min(options.timeoutMs ?? limits.defaultTimeoutMs, limits.maxTimeoutMs),
    callerIp,
    ...(options.retryDelay === undefined ? {} : { retryDelayExpression: options.retryDelay }),
    ...(labels.length > 0 ? { labels } : {}),
  } satisfies Omit<Message, 'url' | 'body'> & { body: Message['body'] | undefined };
}

async function store(
  { shards, bodies, events }: PublishParts,
  messages: { id: string; shard: number; message: Omit<Message, 'body'> & { body: Message['body'] | undefined } }[],
  bytes: Buffer,
): Promise<void> {
  // A body that is not in the messages themselves lies beside the first one.
  const [first] = messages;
  if (!first) return;
  const { id: key, shard: bodyShard } = first;
  const isStored = first.message.body === undefined;
  const body: Message['body'] = { kind: 'stored', key };
  const writes: Promise<unknown>[] = [];
  if (isStored) {
    const ids = messages.map(({ id }) => id);
    writes.push(bodies.put(bodyShard, key, bytes, ids));
  }
  for (const { id, shard, message } of messages) {
    const complete: Message = { ...message, body: message.body ?? body };
    writes.push(shards.at(shard).add(id, complete));
    events.created(shard, id, complete);
  }
  await Promise.all(writes);
  if (isStored) await bodies.confirm(bodyShard, key);
}
