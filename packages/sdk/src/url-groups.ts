import type { CallOptions, HTTPMethods, Requester } from './http.ts';
import { formatSegment } from './path.ts';

/** One receiver of a URL group. */
export interface Endpoint {
  /** Absolute URL. */
  url: string;
  /** Any text of up to 256 characters, to refer to the endpoint by. */
  name?: string;
}

export interface AddEndpointsRequest {
  /** Name of the URL group. */
  name: string;
  endpoints: readonly Endpoint[];
}

export interface RemoveEndpointsRequest {
  /** Name of the URL group. */
  name: string;
  /** Each by its name or its URL. */
  endpoints: readonly ({ name: string; url?: string } | { url: string; name?: string })[];
}

/** A named list of endpoints. */
export interface UrlGroup {
  name: string;
  /** In milliseconds since 1970. */
  createdAt: number;
  /** In milliseconds since 1970. */
  updatedAt: number;
  /** In the order in which they were added. */
  endpoints: Endpoint[];
  /** Default headers of every publish to the group; only there if any were set. */
  headers?: Record<string, string[]>;
}

export interface UrlGroupStatsRequest {
  /** A number is in milliseconds since 1970; 24 hours ago by default. */
  from?: Date | number;
  /** Now by default. */
  to?: Date | number;
}

/** How deliveries of messages to a URL group go, for each of its endpoints. Times are in milliseconds since 1970. */
export interface UrlGroupStats {
  /** Whole hours are counted: from here on. */
  from: number;
  to: number;
  endpoints: {
    url: string;
    name?: string;
    attempts: number;
    delivered: number;
    errors: number;
    failed: number;
    /** From 0 to 1; 1 without attempts. */
    successRate: number;
  }[];
}

/** Named lists of endpoints; a message to a group goes to all of them. */
export class UrlGroups {
  readonly #http: Requester;

  constructor(http: Requester) {
    this.#http = http;
  }

  /** Adds endpoints in order; creates the group when needed. */
  async addEndpoints({ name, endpoints }: AddEndpointsRequest, options: CallOptions = {}): Promise<void> {
    return this.#write('POST', [...formatPath(name), 'endpoints'], { endpoints }, options);
  }

  /** Removes endpoints; with the last one the group goes. */
  async removeEndpoints({ name, endpoints }: RemoveEndpointsRequest, options: CallOptions = {}): Promise<void> {
    return this.#write('DELETE', [...formatPath(name), 'endpoints'], { endpoints }, options);
  }

  /**
   * Sets the default headers of every publish to the group, in place of those it had. A publish beats them by name.
   * The names are those of the wire, such as `Upstash-Retries` and `Upstash-Forward-My-Header`.
   */
  async setHeaders(
    { name, headers }: { name: string; headers: Record<string, string | readonly string[]> },
    options: CallOptions = {},
  ): Promise<void> {
    return this.#write('PATCH', formatPath(name), { headers }, options);
  }

  async list(options: CallOptions = {}): Promise<UrlGroup[]> {
    return this.#http.request({ ...options, path: ['v2', 'topics'] });
  }

  /** @throws {QstashNotFoundError} when there is no such group */
  async get(name: string, options: CallOptions = {}): Promise<UrlGroup> {
    return this.#http.request({ ...options, path: formatPath(name) });
  }

  /**
   * How deliveries to each endpoint of the group go.
   *
   * @throws {QstashNotFoundError} when there is no such group
   */
  async stats(name: string, request: UrlGroupStatsRequest = {}, options: CallOptions = {}): Promise<UrlGroupStats> {
    return this.#http.request({ ...options, path: [...formatPath(name), 'stats'], query: { ...request } });
  }

  /** Messages that are on their way are left alone. Succeeds also when there is no such group. */
  async delete(name: string, options: CallOptions = {}): Promise<void> {
    const path = formatPath(name);
    await this.#http.request({ ...options, method: 'DELETE', path, parseResponseAsJson: false });
  }

  async #write(method: HTTPMethods, path: string[], body: object, options: CallOptions): Promise<void> {
    await this.#http.request({
      ...options,
      method,
      path,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      parseResponseAsJson: false,
      isRepeatable: true,
    });
  }
}

function formatPath(name: string): string[] {
  return ['v2', 'topics', formatSegment(name, 'Url group name')];
}
