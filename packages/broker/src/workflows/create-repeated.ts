import type { HeaderMap, Message, RunMessage } from '@posthorn/shared';
import { keepRunHeaders, type Checked, type RunConfig } from './run-config.ts';
import type { NewRunMessage } from './run-entry.ts';

/** A message of a run that is repeated. */
export interface Repeated {
  runId: string;
  createdAt: number;
  id: string;
  kind: RunMessage['kind'];
  header: HeaderMap;
  /** Whether the run that is repeated was started without an SDK. */
  isUnknownSdk: boolean;
}

/**
 * A message of the run as its configuration makes it. The first message of a run that its endpoint has not started with its
 * SDK asks for that again.
 */
export function createRepeated(
  config: RunConfig,
  { runId, createdAt, id, kind, header, isUnknownSdk }: Repeated,
  { template }: Pick<Checked, 'template'>,
): NewRunMessage {
  const { maxRetries, timeoutMs, callerIp, retryDelayExpression, flowControl, labels, redaction, features } = config;
  const contentType = header['Content-Type'] ?? ['application/json'];
  const own: HeaderMap = kind === 'callback' ? header : { ...config.header, ...keepRunHeaders(header) };
  const now = Date.now();
  const message: Omit<Message, 'body' | 'workflow'> = {
    url: config.url,
    method: 'POST',
    header: { ...own, 'Content-Type': contentType },
    createdAt: now,
    notBefore: Math.max(now, now + template.notBefore - template.createdAt),
    maxRetries,
    timeoutMs,
    callerIp,
    ...(retryDelayExpression ? { retryDelayExpression } : {}),
    ...(flowControl ? { flowControl } : {}),
    ...(labels ? { labels } : {}),
    ...(redaction ? { redaction } : {}),
  };
  const isLazy = kind !== 'callback' && features.includes('LazyFetch');
  const detectsWorkflow = kind === 'init' && features.includes('WF_DetectTrigger');
  return {
    id,
    key: '',
    message,
    workflow: {
      runId,
      createdAt,
      kind,
      ...(isLazy ? { isLazy } : {}),
      ...(detectsWorkflow ? { detectsWorkflow } : {}),
      ...(kind === 'init' && isUnknownSdk ? { isUnknownSdk } : {}),
    },
    ownHeader: header,
  };
}
