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
  answer: DestinationResponse,
  rules: RetryRules,
  now: number,
): Outcome {
  const isWhole = answer.error === undefined;
  if (isWhole && answer.status >= 200 && answer.status < 300) return { kind: 'delivered', answer };

  const error = (answer.error ?? `the destination answered ${answer.status}`).slice(0, maxErrorLength);
  const failure = { answer, error, errorKind: answer.errorKind ?? ('http' as const) };
  const header = (lowerName: string) => findResponseHeader(answer, lowerName);
  const isFinal = answer.status === nonRetryableStatus && header(nonRetryableName)?.toLowerCase() === 'true';
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
