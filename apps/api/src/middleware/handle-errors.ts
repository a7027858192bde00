import { ConfigurationError, isRedisAway, type Log } from '@posthorn/broker';
import { DestinationError, ForwardError, PosthornError, PublishOptionsError } from '@posthorn/shared';
import type { ErrorRequestHandler } from 'express';
import { ZodError } from 'zod';

/** The only place that turns what was thrown into an answer: always JSON with `error` (contract, http-api.md section 1.4). */
export function handleErrors(log: Log): ErrorRequestHandler {
  return (thrown: unknown, request, response, _next) => {
    const error = readError(thrown);
    if (error.status === 500) log.error({ err: error.cause, method: request.method }, 'request.broken');
    if (error.code === 'unavailable') log.warn({ reason: readReason(error.cause) }, 'redis.unavailable');
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    // What is left of the request is not read: the connection cannot be used again.
    if (!request.complete) {
      response.setHeader('Connection', 'close');
      response.on('finish', () => setTimeout(() => request.destroy(), 200).unref());
    }
    response.status(error.status).json({ error: error.message });
  };
}

function readError(thrown: unknown): PosthornError {
  if (thrown instanceof PosthornError) return thrown;
  if (thrown instanceof ZodError) return new PosthornError('invalid_request', writeIssues(thrown));
  if (thrown instanceof DestinationError || thrown instanceof PublishOptionsError || thrown instanceof ForwardError) {
    return new PosthornError('invalid_request', thrown.message);
  }
  if (isRedisAway(thrown)) {
    return new PosthornError('unavailable', 'Redis is not available; nothing is known to be stored. Try again.', {
      cause: thrown,
    });
  }
  // Express refuses a path whose percent-encoding is broken with an error of its own.
  if (thrown instanceof Error && 'status' in thrown && thrown.status === 400) {
    return new PosthornError('invalid_request', 'The percent-encoding of the path is not valid.');
  }
  if (thrown instanceof ConfigurationError) return new PosthornError('unavailable', thrown.message, { cause: thrown });
  return new PosthornError('internal', 'Something went wrong inside posthorn.', { cause: thrown });
}

function writeIssues({ issues }: ZodError): string {
  return issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message)).join('; ');
}

function readReason(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'unknown';
}
