/** Every refusal and fault that a caller can meet, with its status (contract, http-api.md section 1.4). */
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

/** The body of every answer that is not 2xx. */
export interface ErrorReply {
  error: string;
}
