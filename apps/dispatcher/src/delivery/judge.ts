import type { Delivery } from '@posthorn/broker';
import {
  findResponseHeader,
  nonRetryableName,
  nonRetryableStatus,
  parseRetryAfter,
  retryDelayMs,
  type DestinationResponse,
  type Outcome,
} from '@posthorn/shared';

/**
 * Characters of an error text that are kept. A destination chooses parts of it, such as the names in its certificate, and
 * it is stored with every attempt.
 */
const maxErrorLength = 500;

export interface RetryRules {
  maxRetryDelayMs: number;
  backoffFactor: number;
}

/** Decides the outcome of an attempt from its response (contract D8, D15). */
export function judge(
  { message, retried }: Delivery,
  response: DestinationResponse,
  rules: RetryRules,
  now: number,
): Outcome {
  const isWhole = response.error === undefined;
  if (isWhole && response.status >= 200 && response.status < 300) return { kind: 'delivered', response };

  const error = (response.error ?? `the destination answered ${response.status}`).slice(0, maxErrorLength);
  const failure = { response, error, errorKind: response.errorKind ?? ('http' as const) };
  const header = (lowerName: string) => findResponseHeader(response, lowerName);
  const isFinal = response.status === nonRetryableStatus && header(nonRetryableName)?.toLowerCase() === 'true';
  if (isFinal || retried >= message.maxRetries) return { kind: 'failed', ...failure };

  const delayMs =
    parseRetryAfter(header, now, rules.maxRetryDelayMs) ??
    retryDelayMs({
      expression: message.retryDelayExpression,
      retried,
      maxDelayMs: rules.maxRetryDelayMs,
      backoffFactor: rules.backoffFactor,
    });
  return { kind: 'retry', ...failure, delayMs };
}
