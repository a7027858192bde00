import { z } from 'zod';

/** Every refusal and fault that a caller can meet, with its status (contract E4). */
export const errorStatus = {
  invalid_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  request_timeout: 408,
  limit_exceeded: 412,
  body_too_large: 413,
  unsupported_encoding: 415,
  rate_limited: 429,
  headers_too_large: 431,
  internal: 500,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof errorStatus;

/** When each of them comes, in a sentence for the documents. */
export const errorHelp: Record<ErrorCode, string> = {
  invalid_request: 'A parameter, a header or the body is wrong; the text names it and says what is allowed.',
  unauthorized: 'The token is missing or wrong.',
  forbidden: 'The token has read access only.',
  not_found: 'The resource does not exist or was removed.',
  method_not_allowed: 'The path exists with other methods.',
  request_timeout: 'The request did not arrive in time.',
  limit_exceeded: 'A limit of this server would be exceeded; the text names it.',
  body_too_large: 'The body is larger than the limit of this server.',
  unsupported_encoding: 'The content encoding of the body is not supported.',
  rate_limited: 'There were too many requests in this second.',
  headers_too_large: 'There are too many headers, or they are too large.',
  internal: 'A fault of posthorn; its log has the cause.',
  unavailable:
    'Redis is unavailable or full, or the process is stopping. The request may or may not be stored; try again.',
};

/** A refusal or a fault. `detail` is for the caller; `cause`, if there is one, is for the log. */
export class PosthornError extends Error {
  override name = 'PosthornError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, detail: string, options?: { cause?: unknown }) {
    super(detail, options);
    this.code = code;
  }

  get status(): number {
    return errorStatus[this.code];
  }
}

/** There is no URL group with this name; the official name of a group is topic (contract E10). */
export function groupNotFound(name: string): PosthornError {
  return new PosthornError('not_found', `topic ${name} not found`);
}

/** The body of every response that is not 2xx. */
export const ErrorReply = z
  .object({ error: z.string().meta({ description: 'What is wrong, in a sentence.', example: 'queue q not found' }) })
  .meta({ id: 'Error', description: 'Why a request was refused or failed.' });
export type ErrorReply = z.infer<typeof ErrorReply>;
