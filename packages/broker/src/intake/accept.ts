import { createHash } from 'node:crypto';
import {
  groupNotFound,
  listHeaders,
  PosthornError,
  parseForwardedHeaders,
  parsePublishOptions,
  type Callback,
  type CallbackKind,
  type CallbackOptions,
  type Destination,
  type FlowControl,
  type HeaderMap,
  type Message,
  type PublishOptions,
  type UrlGroup,
} from '@posthorn/shared';
import { refuseForbidden, type DestinationGuard } from '../destinations/destination-guard.ts';
import { inlineBody, maxInlineBytes } from '../engine/shards/body.ts';
import type { Shards } from '../engine/shards/shards.ts';
import { deduplicationKeys } from './deduplication.ts';
import type { Draft } from './store.ts';

/** One publish, as it came. */
export interface PublishRequest {
  destination: Destination;
  /** Options and forwarded headers: names and values in turn. */
  headers: readonly string[];
  /** The token came in the query, so that an `Authorization` header is not ours. */
  tokenInQuery: boolean;
  body: Buffer;
  callerIp: string;
  /** The named queue to put the message into; it exists. */
  queueName?: string;
}

export interface PublishLimits {
  defaultRetries: number;
  maxRetries: number;
  maxDelayMs: number;
  defaultTimeoutMs: number;
  maxTimeoutMs: number;
  maxLabels: number;
  deduplicationWindowMs: number;
}

export interface AcceptParts {
  shards: Shards;
  guard: DestinationGuard;
  limits: PublishLimits;
}

/**
 * Checks one publish against every rule and makes its messages; nothing is stored.
 *
 * @param group the URL group that the destination names, with its default headers merged into the request's already
 * @throws {PosthornError | DestinationError | PublishOptionsError | ForwardError} that name what is wrong
 */
export function accept(parts: AcceptParts, request: PublishRequest, group: UrlGroup | undefined): Draft {
  const { shards, guard, limits } = parts;
  const targets = findTargets(guard, request.destination, group);
  const options = parsePublishOptions(request.headers);
  if (options.cron !== undefined) {
    throw new PosthornError(
      'invalid_request',
      'Upstash-Cron: use POST /v2/schedules/<destination> to make a schedule.',
    );
  }
  const template = acceptTemplate(parts, request, options);
  const keys = deduplicationKeys(options, targets, template.header, request.body);
  return {
    isGroup: request.destination.kind === 'urlGroup',
    bytes: request.body,
    messages: targets.map((target, index): Draft['messages'][number] => {
      const key = keys?.[index];
      const { id, shard } = shards.newId(template.createdAt, key);
      // A copy with one more field takes longer than the rest of this function.
      const message = Object.assign(targets.length > 1 ? { ...template } : template, target);
      if (key === undefined) return { id, shard, message };
      return { id, shard, message, once: { key, forMs: limits.deduplicationWindowMs } };
    }),
  };
}

/** Where a message goes; through a group, with the names that the delivery and the log show. */
export interface Target {
  url: string;
  topicName?: string;
  endpointName?: string;
}

/** All that the messages of one publish have in common; without a body if its bytes are too many to lie in a message. */
export type Template = Omit<Message, 'url' | 'body'> & { body?: Message['body'] };

/**
 * The URL of a destination, or the endpoints of its URL group.
 *
 * @throws {PosthornError | DestinationError} when there is no such group, or one of its addresses must not be reached
 */
export function findTargets(
  guard: DestinationGuard,
  destination: Destination,
  group: UrlGroup | undefined,
): readonly Target[] {
  const targets = listTargets(destination, group);
  for (const { url } of targets) refuseForbidden(guard, url, 'destination');
  return targets;
}

/**
 * Checks everything but the destination.
 *
 * @throws as `accept` does
 */
export function acceptTemplate(
  { guard, limits }: Pick<AcceptParts, 'guard' | 'limits'>,
  request: Omit<PublishRequest, 'destination'>,
  options: PublishOptions,
  createdAt = Date.now(),
): Template {
  const headers = parseForwardedHeaders(request.headers, options.forwardAll ?? false, request.tokenInQuery);
  const template = createTemplate(request, options, headers.header, limits, createdAt);
  addCallback('callback', headers.callbackHeader);
  addCallback('failureCallback', headers.failureCallbackHeader);
  return template;

  function addCallback(kind: CallbackKind, header: HeaderMap): void {
    const callback = options[kind];
    if (callback?.url === undefined) return;
    refuseForbidden(guard, callback.url, kind === 'callback' ? 'callback' : 'failure callback');
    template[kind] = createCallback(callback.url, callback, header, template, limits, kind);
  }
}

/**
 * Checks the default headers of a URL group like those of a publish.
 *
 * @throws as `accept` does
 */
export function checkDefaultHeaders(
  parts: Pick<AcceptParts, 'guard' | 'limits'>,
  defaults: Record<string, string[]>,
): void {
  const headers = listHeaders(defaults);
  const request = { headers, tokenInQuery: false, body: Buffer.alloc(0), callerIp: '' };
  acceptTemplate(parts, request, parsePublishOptions(headers));
}

function listTargets(destination: Destination, group: UrlGroup | undefined): Target[] {
  if (destination.kind === 'url') return [{ url: destination.url }];
  if (!group) throw groupNotFound(destination.name);
  return group.endpoints.map(({ url, name }) => ({
    url,
    topicName: group.name,
    ...(name === undefined ? {} : { endpointName: name }),
  }));
}

export function createTemplate(
  { body, callerIp, queueName }: Pick<PublishRequest, 'body' | 'callerIp' | 'queueName'>,
  options: PublishOptions,
  header: HeaderMap,
  limits: PublishLimits,
  createdAt = Date.now(),
): Template {
  const maxRetries = options.retries ?? limits.defaultRetries;
  requireAtMost(maxRetries, limits.maxRetries, 'Upstash-Retries');
  const notBefore = Math.max(createdAt, options.notBefore ?? createdAt + (options.delayMs ?? 0));
  const delayName = options.notBefore === undefined ? 'Upstash-Delay' : 'Upstash-Not-Before';
  requireAtMost((notBefore - createdAt) / 1000, limits.maxDelayMs / 1000, delayName, 'seconds of delay');
  const labels = options.labels ?? [];
  if (labels.length > limits.maxLabels || labels.some((label) => label.length > 256)) {
    throw new PosthornError(
      'invalid_request',
      `Upstash-Label: use at most ${limits.maxLabels} labels of at most 256 characters`,
    );
  }
  const flowControl = toFlowControl(options);
  const queue = queueName ?? options.queueName;
  return {
    method: options.method ?? 'POST',
    header,
    ...(body.length <= maxInlineBytes ? { body: inlineBody(body) } : {}),
    createdAt,
    notBefore,
    maxRetries,
    timeoutMs: Math.min(options.timeoutMs ?? limits.defaultTimeoutMs, limits.maxTimeoutMs),
    callerIp,
    ...(options.retryDelay === undefined ? {} : { retryDelayExpression: options.retryDelay }),
    ...(labels.length > 0 ? { labels } : {}),
    ...(flowControl ? { flowControl } : {}),
    ...(queue === undefined ? {} : { queueName: queue }),
    ...(options.redaction ? { redaction: redact(options.redaction, body) } : {}),
  };
}

/** Options of a callback that are not given are those of its message (contract D20). */
export function createCallback(
  url: string,
  options: CallbackOptions,
  header: HeaderMap,
  message: Template,
  limits: PublishLimits,
  kind: CallbackKind,
): Callback {
  const name = kind === 'callback' ? 'Upstash-Callback' : 'Upstash-Failure-Callback';
  const { retries = message.maxRetries, delayMs = 0 } = options;
  // The retries of the message were checked when they were given.
  if (options.retries !== undefined) requireAtMost(options.retries, limits.maxRetries, `${name}-Retries`);
  requireAtMost(delayMs / 1000, limits.maxDelayMs / 1000, `${name}-Delay`, 'seconds of delay');
  const retryDelayExpression = options.retryDelay ?? message.retryDelayExpression;
  const flowControl = toFlowControl(options);
  return {
    url,
    method: options.method ?? 'POST',
    header,
    maxRetries: retries,
    timeoutMs: Math.min(options.timeoutMs ?? limits.maxTimeoutMs, limits.maxTimeoutMs),
    delayMs,
    ...(retryDelayExpression === undefined ? {} : { retryDelayExpression }),
    ...(flowControl ? { flowControl } : {}),
  };
}

function requireAtMost(value: number, max: number, name: string, unit = ''): void {
  if (value > max) throw new PosthornError('limit_exceeded', `${name}: use at most ${max} ${unit}`.trim());
}

function toFlowControl({ flowControlKey, flowControlValue }: CallbackOptions): FlowControl | undefined {
  return flowControlKey === undefined || !flowControlValue ? undefined : { key: flowControlKey, ...flowControlValue };
}

/** The marker of the body is made now: later its bytes may lie elsewhere. */
export function redact(
  redaction: NonNullable<PublishOptions['redaction']>,
  body: Buffer,
): NonNullable<Message['redaction']> {
  if (!redaction.body || body.length === 0) return redaction;
  return { ...redaction, bodyMarker: `REDACTED:${createHash('sha256').update(body).digest('hex')}` };
}
