import type { Endpoint } from '@posthorn/shared';
import type { z } from 'zod';
import { QstashError, readError } from './errors.ts';

/** What is tried again: only a request that got no answer. */
export interface Retry {
  /** 5 by default. */
  retries?: number;
  /** Milliseconds before the next try, from the number of retries made so far; `exp(n) * 50` by default. */
  backoff?: (retried: number) => number;
}

export interface HttpOptions {
  /** Without a slash at its end. */
  baseUrl: string;
  token: string;
  /** `false` stands for one try. */
  retry: Retry | false;
}

/** What a request says besides its endpoint. */
export interface Input<Body extends z.ZodType> {
  params?: Record<string, string>;
  headers?: Headers;
  /** For an endpoint whose body the contract describes. */
  json?: z.input<Body>;
  /** For an endpoint whose body is bytes. */
  body?: BodyInit | undefined;
}

type AnyEndpoint<Body extends z.ZodType, Reply extends z.ZodType> = Endpoint<z.ZodType, z.ZodType, Body, Reply>;

/** The HTTP behind the nouns. */
export interface Http {
  /** Sends a request and reads its answer. @throws {QstashError} */
  call<B extends z.ZodType, R extends z.ZodType>(endpoint: AnyEndpoint<B, R>, input?: Input<B>): Promise<z.output<R>>;
  /** Sends a request whose answer nobody reads. @throws {QstashError} */
  send<B extends z.ZodType>(endpoint: AnyEndpoint<B, z.ZodType>, input?: Input<B>): Promise<void>;
}

export function createHttp({ baseUrl, token, retry }: HttpOptions): Http {
  return {
    async call(endpoint, input = {}) {
      // Not parsed with the schema: a newer server may say more than this client knows.
      return JSON.parse(await request(endpoint, input)) as never;
    },
    async send(endpoint, input = {}) {
      await request(endpoint, input);
    },
  };

  async function request<B extends z.ZodType>(endpoint: AnyEndpoint<B, z.ZodType>, input: Input<B>): Promise<string> {
    const url = writeUrl(baseUrl, endpoint.path, input.params ?? {});
    const headers = new Headers(input.headers);
    headers.set('Authorization', `Bearer ${token}`);
    if (input.json !== undefined) headers.set('Content-Type', 'application/json');
    const body = input.json === undefined ? input.body : JSON.stringify(input.json);

    const response = await fetchWithRetries(
      url,
      { method: endpoint.method, headers, ...(body === undefined ? {} : withBody(body)) },
      retry,
    );
    const text = await response.text();
    if (!response.ok) throw readError(response, text);
    return text;
  }
}

/**
 * Fills the parameters of a path: `:name` is encoded, `*name` is a destination and stands as it is (contract,
 * http-api.md section 2.1).
 */
function writeUrl(baseUrl: string, path: string, params: Record<string, string>): URL {
  const filled = path.replace(/([:*])(\w+)/g, (_all, kind: string, name: string) => {
    const value = params[name] ?? '';
    return kind === '*' ? value : encodeURIComponent(value);
  });
  const url = new URL(baseUrl + filled);
  // `new URL` resolves `..`: with the destination `../keys/rotate` a publish would rotate the signing keys.
  const [start = ''] = path.split(/[:*]/, 1);
  const { href } = new URL(baseUrl + start);
  if (!url.href.startsWith(href) || (filled !== path && url.href === href)) {
    throw new QstashError(`'${Object.values(params).join(' ')}' leads out of ${start}`);
  }
  return url;
}

/** A stream can be sent only by a fetch that is told not to wait for the answer meanwhile. */
function withBody(body: BodyInit): RequestInit {
  return body instanceof ReadableStream ? ({ body, duplex: 'half' } as RequestInit) : { body };
}

/** Sends until there is an answer, whatever its status: a network failure is the only thing that is tried again. */
async function fetchWithRetries(url: URL, init: RequestInit, retry: Retry | false): Promise<Response> {
  // A stream is used up by its first try.
  const retries = retry === false || init.body instanceof ReadableStream ? 0 : (retry.retries ?? 5);
  const backoff = (retry === false ? undefined : retry.backoff) ?? ((retried: number) => Math.exp(retried) * 50);
  for (let retried = 0; ; retried++) {
    try {
      return await fetch(url, init);
    } catch (error) {
      if (retried >= retries) throw error;
      await new Promise((resolve) => setTimeout(resolve, backoff(retried)));
    }
  }
}
