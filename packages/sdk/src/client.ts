import { developmentCredentials } from '@posthorn/shared';
import { DLQ } from './dlq.ts';
import { isDevelopment, readDevelopmentUrl, parseRegion, readVariable, warn } from './environment.ts';
import { listLogs, parseEntry, type GetLogsResponse, type Log, type LogsFilter, type LogsRequest } from './events.ts';
import { formatFilter } from './filters.ts';
import { FlowControlApi } from './flow-control.ts';
import { createHttp, type CallOptions, type HeadersInit, type Requester, type Retry, type Server } from './http.ts';
import { Messages } from './messages.ts';
import { readPages } from './pages.ts';
import { addForwarded, publish, publishBatch, formatJson } from './publish.ts';
import type { Checked, PublishBatchRequest, PublishRequest, PublishResponse } from './publish.ts';
import { Queue, type QueueRequest } from './queues.ts';
import { Schedules } from './schedules.ts';
import type { DestinationsRequest, DestinationStats, FindHit, Limits, Overview, Stats, StatsRequest } from './views.ts';
import { formatStatsQuery } from './views.ts';
import { SigningKeys } from './signing-keys.ts';
import { createTelemetry } from './telemetry.ts';
import { UrlGroups } from './url-groups.ts';
import { Workflow } from './workflow.ts';

export interface ClientConfig {
  /** `QSTASH_URL` by default, else `http://127.0.0.1:8080`. */
  baseUrl?: string;
  /** `QSTASH_TOKEN` by default. */
  token?: string;
  /** What is tried again without a response; `false` for nothing. By default 5 retries, after 50 ms and then longer. */
  retry?: Retry | false;
  /** Maximum number of milliseconds that one call may take, all its tries together; no limit by default. */
  timeoutMs?: number;
  /** Headers of every message; those of a message beat them by name. */
  headers?: HeadersInit;
  /** Whether messages say which client and runtime published them; `true` by default. */
  enableTelemetry?: boolean;
  /** Uses the server and the published credentials of local development; `QSTASH_DEV` by default. */
  devMode?: boolean;
}

/** Publishes messages, and everything around it. */
export class Client {
  /** The low level, for what the rest does not have. */
  readonly http: Requester;

  constructor(config: ClientConfig = {}) {
    const headers = new Headers();
    addForwarded(headers, config.headers);
    const isTelling = !readVariable('UPSTASH_DISABLE_TELEMETRY') && (config.enableTelemetry ?? true);
    let server: Server | undefined;
    this.http = createHttp({
      // Not before the first call: bundlers evaluate modules without the environment of the application.
      findServer: () => (server ??= findServer(config)),
      retry: config.retry ?? {},
      timeoutMs: config.timeoutMs,
      headers,
      telemetryHeaders: isTelling ? createTelemetry() : new Headers(),
    });
  }

  /** Messages that have not ended, or ended a short time ago. */
  get messages(): Messages {
    return new Messages(this.http);
  }

  /** What publishes a message again and again. */
  get schedules(): Schedules {
    return new Schedules(this.http);
  }

  /** Named lists of endpoints; a message to a group goes to all of them. */
  get urlGroups(): UrlGroups {
    return new UrlGroups(this.http);
  }

  /** @deprecated use `urlGroups` */
  get topics(): UrlGroups {
    return this.urlGroups;
  }

  /** The dead letter queue: messages that have finally failed. */
  get dlq(): DLQ {
    return new DLQ(this.http);
  }

  /** The limits that messages with one key share. */
  get flowControl(): FlowControlApi {
    return new FlowControlApi(this.http);
  }

  /** Runs of workflows. */
  get workflow(): Workflow {
    return new Workflow(this.http);
  }

  /** The keys that deliveries are signed with. */
  get keys(): SigningKeys {
    return new SigningKeys(this.http);
  }

  /** A queue; without a name, only to list all. */
  queue({ queueName }: QueueRequest = {}): Queue {
    return new Queue(this.http, queueName);
  }

  /**
   * Publishes one message. Resolves when it is stored durably.
   *
   * @throws {QstashError}
   */
  async publish<const TRequest extends PublishRequest>(
    request: TRequest & Checked<TRequest>,
    options: CallOptions = {},
  ): Promise<PublishResponse<TRequest>> {
    return publish(this.http, ['v2', 'publish'], request as PublishRequest, options);
  }

  /**
   * The same with a body that becomes JSON; `undefined` is no body.
   *
   * @throws {QstashError}
   */
  async publishJSON<TBody = unknown, const TRequest extends PublishRequest<TBody> = PublishRequest<TBody>>(
    request: TRequest & Checked<TRequest>,
    options: CallOptions = {},
  ): Promise<PublishResponse<TRequest>> {
    return publish(this.http, ['v2', 'publish'], formatJson(request as PublishRequest<TBody>), options);
  }

  /**
   * Publishes many messages in one request, of up to 1000 items. All of them are checked before the first is stored;
   * one that then could not be stored is a `BatchFailure` in its place, see `isBatchFailure`.
   *
   * @throws {QstashError} when one is wrong, or none could be stored
   */
  async batch<const TRequest extends PublishBatchRequest>(
    requests: readonly (TRequest & Checked<TRequest>)[],
    options: CallOptions = {},
  ): Promise<PublishResponse<TRequest>[]> {
    return publishBatch(this.http, requests as readonly PublishBatchRequest[], options);
  }

  /**
   * The same with bodies that become JSON; an item without a body stays without.
   *
   * @throws {QstashError}
   */
  async batchJSON<TBody = unknown, const TRequest extends PublishBatchRequest<TBody> = PublishBatchRequest<TBody>>(
    requests: readonly (TRequest & Checked<TRequest>)[],
    options: CallOptions = {},
  ): Promise<PublishResponse<TRequest>[]> {
    const items = requests as readonly PublishBatchRequest<TBody>[];
    return publishBatch(
      this.http,
      items.map((item) => formatJson(item)),
      options,
    );
  }

  /** One page of the log of messages, newest entry first. */
  async logs(request: LogsRequest = {}, options: CallOptions = {}): Promise<GetLogsResponse> {
    return listLogs(this.http, request, options);
  }

  /** Counts over time: per minute for two days, per hour for 30. */
  async stats(request: StatsRequest = {}, options: CallOptions = {}): Promise<Stats> {
    return this.http.request({ ...options, path: ['v2', 'stats'], query: formatStatsQuery(request) });
  }

  /** One page of the hosts that messages were delivered to. */
  async destinations(
    request: DestinationsRequest = {},
    options: CallOptions = {},
  ): Promise<{ destinations: DestinationStats[]; cursor?: string }> {
    return this.http.request({ ...options, path: ['v2', 'destinations'], query: { ...request } });
  }

  /** The state of the whole system. */
  async overview(options: CallOptions = {}): Promise<Overview> {
    return this.http.request({ ...options, path: ['v2', 'overview'] });
  }

  /** The limits and defaults of the server. */
  async limits(options: CallOptions = {}): Promise<Limits> {
    return this.http.request({ ...options, path: ['v2', 'limits'] });
  }

  /** Finds ids in full, and parts of names; an exact match comes first. */
  async find(text: string, options: CallOptions = {}): Promise<{ hits: FindHit[] }> {
    return this.http.request({ ...options, path: ['v2', 'find'], query: { q: text } });
  }

  /**
   * Every new entry of the log that matches, as it happens, without bodies; above 200 entries a second some are left out. It
   * ends when the server ends it. `timeoutMs` is for its beginning.
   *
   * @throws {QstashError}
   */
  async *followLogs(
    request: { filter?: LogsFilter } = {},
    options: CallOptions = {},
  ): AsyncGenerator<Log, void, undefined> {
    const query = formatFilter(request.filter);
    const entries = this.http.requestStream<Log & { count?: number }>({
      ...options,
      path: ['v2', 'logs', 'stream'],
      query,
    });
    for await (const entry of entries) if (entry.count === undefined) yield parseEntry(entry);
  }

  /** @deprecated use `logs` */
  events(request?: LogsRequest, options?: CallOptions): Promise<GetLogsResponse> {
    return this.logs(request, options);
  }

  /** Every entry that matches, newest first, page by page as they are asked for. `timeoutMs` is for each page. */
  iterateLogs(
    request: { filter?: LogsFilter; cursor?: string | number; count?: number } = {},
    options: CallOptions = {},
  ): AsyncGenerator<Log, void, undefined> {
    return readPages(
      request,
      (page) => this.logs(page, options),
      ({ logs }) => logs,
    );
  }
}

/**
 * Where the server is and how to get in (contract C2).
 *
 * @throws {SetupError} in development mode when `NODE_ENV` is `production`
 */
function findServer(config: ClientConfig): Server {
  if (isDevelopment(config.devMode)) {
    const hint = 'Start a server for development with: POSTHORN_DEV_CREDENTIALS=1 npm start';
    return { baseUrl: readDevelopmentUrl(), token: developmentCredentials.token, hint };
  }
  const region = parseRegion(readVariable('QSTASH_REGION'));
  if (region && !(config.baseUrl !== undefined && config.token !== undefined)) {
    const [url, token] = [readVariable(`${region}_QSTASH_URL`), readVariable(`${region}_QSTASH_TOKEN`)];
    if (url && token) return { baseUrl: trimUrl(url), token };
    warn(`QSTASH_REGION is set, but ${region}_QSTASH_URL or ${region}_QSTASH_TOKEN is not: using the names without it`);
  }
  const baseUrl = config.baseUrl ?? readVariable('QSTASH_URL') ?? 'http://127.0.0.1:8080';
  const token = config.token ?? readVariable('QSTASH_TOKEN');
  if (!token) warn('there is no token: pass it to the client, or set QSTASH_TOKEN');
  return { baseUrl: trimUrl(baseUrl), token: token ?? '' };
}

function trimUrl(url: string): string {
  const trimmed = url.replace(/\/$/, '');
  // Once published as the base URL, and still in many environments.
  return trimmed === 'https://qstash.upstash.io/v2/publish' ? 'https://qstash.upstash.io' : trimmed;
}
