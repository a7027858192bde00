import { createGuard, type ConfigOrFunction, type VerifySignatureConfig } from './verify.ts';

export type { ConfigOrFunction, VerifySignatureConfig };

/** What is used of an event: of API Gateway (REST and HTTP APIs), a function URL, or a load balancer. */
export interface LambdaEvent {
  headers?: Record<string, string | undefined> | null;
  /** All headers, if a load balancer is configured for multi-value headers. */
  multiValueHeaders?: Record<string, string[] | undefined> | null;
  body?: string | null;
  isBase64Encoded?: boolean;
}

/** The response to an event that is refused. */
export interface LambdaRefusal {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * Wraps a handler of AWS Lambda: an event without a good signature is answered with 403. The handler gets the event as
 * it came.
 */
export function verifySignatureLambda<Event extends LambdaEvent, Rest extends unknown[], Result>(
  handler: (event: Event, ...rest: Rest) => Result | Promise<Result>,
  config?: ConfigOrFunction<NoInfer<Event>>,
): (event: Event, ...rest: Rest) => Promise<Result | LambdaRefusal> {
  const guard = createGuard(config);
  return async (event, ...rest) => {
    const refusal = await guard({ header: (name) => readHeader(event, name), readBody: () => readBody(event) }, event);
    if (!refusal) return handler(event, ...rest);
    const headers = { 'Content-Type': 'text/plain; charset=utf-8' };
    return { statusCode: refusal.status, headers, body: refusal.message };
  };
}

/** REST APIs and load balancers keep the case in which a header was sent. */
function readHeader({ headers, multiValueHeaders }: LambdaEvent, wanted: string): string | undefined {
  for (const [name, value] of Object.entries({ ...multiValueHeaders, ...headers })) {
    if (name.toLowerCase() === wanted.toLowerCase()) return Array.isArray(value) ? value[0] : value;
  }
  return undefined;
}

function readBody({ body, isBase64Encoded }: LambdaEvent): string | Uint8Array {
  if (!body || !isBase64Encoded) return body ?? '';
  return Uint8Array.from(atob(body), (character) => character.charCodeAt(0));
}
