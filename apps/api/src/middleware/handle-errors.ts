import { isRedisUnavailable } from '@posthorn/broker';
import { ConfigurationError, logRepeats, type Log } from '@posthorn/process';
import { DestinationError, ForwardError, PosthornError, PublishOptionsError, type ErrorReply } from '@posthorn/shared';
import type { ErrorRequestHandler, Request, Response } from 'express';
import { ZodError } from 'zod';

/** Every response to an error is made here: always JSON with `error` (contract E1). */
export function handleErrors(log: Log): ErrorRequestHandler {
  const unavailable = logRepeats(log, 'warn', 'redis.unavailable');
  return (thrown: unknown, request, response, _next) => {
    const error = readError(thrown);
    if (error.status === 500 || (error.status === 401 && error.cause))
      log.error({ err: error.cause, method: request.method }, 'request.broken');
    if (error.code === 'unavailable') unavailable(readReason(error));
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    response.status(error.status);
    const reply = { error: error.message };
    const answer = () => (request.complete ? response.json(reply) : answerEarly(request, response, reply));
    // A small body came with the headers and is read in the next event-loop turn: the connection can be used again.
    if (request.complete) answer();
    else setImmediate(answer);
  };
}

/** How long to drain a request body after an early response. */
const lingerMs = 3000;

/**
 * Answers a request that is still being sent. A client whose connection is closed while it sends reports a broken pipe
 * instead of the response. So what it sends is discarded for up to 3 s (`lingerMs`); then the connection is closed,
 * because it cannot be used again.
 */
function answerEarly(request: Request, response: Response, reply: ErrorReply): void {
  const text = JSON.stringify(reply);
  response.setHeader('Connection', 'close');
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.write(text);
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  request.on('end', end).on('close', end).resume();
}

function readError(thrown: unknown): PosthornError {
  if (thrown instanceof PosthornError) return thrown;
  if (thrown instanceof ZodError) return new PosthornError('invalid_request', formatIssues(thrown));
  if (thrown instanceof DestinationError || thrown instanceof PublishOptionsError || thrown instanceof ForwardError) {
    return new PosthornError('invalid_request', thrown.message);
  }
  if (isRedisUnavailable(thrown)) {
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

/** Limits of an error text: enough to find the faults, but not as long as the request. */
const maxIssues = 5;
const maxIssueLength = 1000;

/** The first faults that a schema has found, each with the path of its value. */
export function formatIssues({ issues }: ZodError): string {
  const texts = issues
    .slice(0, maxIssues)
    .map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message));
  if (issues.length > maxIssues) texts.push(`and ${issues.length - maxIssues} more`);
  const text = texts.join('; ');
  return text.length > maxIssueLength ? `${text.slice(0, maxIssueLength)}...` : text;
}

function readReason({ cause, message }: PosthornError): string {
  return cause instanceof Error ? cause.message : message;
}
