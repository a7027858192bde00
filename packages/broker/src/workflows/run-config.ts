import {
  parseForwardedHeaders,
  parsePublishOptions,
  type Callback,
  type FlowControl,
  type HeaderMap,
  type Message,
  type PublishOptions,
} from '@posthorn/shared';
import { acceptTemplate, type AcceptParts, type PublishRequest } from '../intake/accept.ts';

/** What the first message of a run says about all later ones (contract W7). */
export interface RunConfig {
  /** URL of the endpoint. */
  url: string;
  /** Headers of every delivery to the endpoint. */
  header: HeaderMap;
  /** Headers of the first message as they are shown. */
  initHeader: HeaderMap;
  maxRetries: number;
  timeoutMs: number;
  callerIp: string;
  /** What the SDK of the endpoint can do. */
  features: string[];
  retryDelayExpression?: string;
  flowControl?: FlowControl;
  labels?: string[];
  redaction?: Message['redaction'];
  failureCallback?: Callback;
}

const encoding = 'Accept-Encoding';
const contentType = 'Content-Type';
const workflowName = /^Upstash-Workflow-/i;

/** What may go to the endpoint of what a submitter forwarded: not the names that the server itself sets. */
export function keepRunHeaders(header: HeaderMap): HeaderMap {
  // Not by assignment: a header may be called `__proto__`.
  return Object.fromEntries(Object.entries(header).filter(([name]) => isForRun(name)));
}

function isForRun(name: string): boolean {
  if (name === encoding || name === contentType || name === 'Upstash-Label') return false;
  return !workflowName.test(name) || name.toLowerCase() === 'upstash-workflow-invoke-count';
}

/** A checked request: the options of its message, and that message without a body and without callbacks. */
export interface Checked {
  options: PublishOptions;
  template: Omit<Message, 'url' | 'body'>;
  callback?: Callback;
  failureCallback?: Callback;
}

/**
 * Checks the options and forwarded headers of a request that belongs to a run.
 *
 * @throws as `accept` does
 */
export function checkOptions(
  parts: Pick<AcceptParts, 'guard' | 'limits'>,
  request: Pick<PublishRequest, 'headers' | 'callerIp' | 'body'>,
): Checked {
  const options = parsePublishOptions(request.headers);
  // A deduplication id, a queue and a schedule are of plain messages.
  const { queueName: _queue, deduplicationId: _id, cron: _cron, scheduleId: _schedule, ...kept } = options;
  const template = acceptTemplate(parts, { ...request, tokenInQuery: false }, kept);
  const { body: _body, callback, failureCallback, ...rest } = template;
  return {
    options,
    template: rest,
    ...(callback ? { callback: follow(callback, options.callback?.retries) } : {}),
    ...(failureCallback ? { failureCallback: follow(failureCallback, options.failureCallback?.retries ?? 3) } : {}),
  };
}

/** The retries of a failure callback are 3 where it says nothing, not those of the message that failed (contract W17). */
function follow(callback: Callback, retries: number | undefined): Callback {
  return retries === undefined ? callback : { ...callback, maxRetries: retries };
}

/** @throws as `accept` does */
export function createRunConfig(
  url: string,
  request: Pick<PublishRequest, 'headers' | 'callerIp'>,
  { template, failureCallback }: Checked,
  features: ReadonlySet<string>,
): RunConfig {
  const { header: forwarded } = parseForwardedHeaders(request.headers, false, false);
  // A client forwards the encodings that it understands itself.
  const header = Object.fromEntries(Object.entries(forwarded).filter(([name]) => name !== encoding));
  const { maxRetries, timeoutMs, callerIp, retryDelayExpression, flowControl, labels, redaction } = template;
  return {
    url,
    header: keepRunHeaders(header),
    initHeader: header,
    maxRetries,
    timeoutMs,
    callerIp,
    features: [...features].filter((name) => name !== ''),
    ...(retryDelayExpression ? { retryDelayExpression } : {}),
    ...(flowControl ? { flowControl } : {}),
    ...(labels ? { labels } : {}),
    ...(redaction ? { redaction } : {}),
    ...(failureCallback ? { failureCallback } : {}),
  };
}
