import { publish } from '@posthorn/shared';
import { readVariable } from './environment.ts';
import { createHttp, type Http, type Retry } from './http.ts';
import { Messages } from './messages.ts';
import {
  readDestination,
  writePublishHeaders,
  type PublishJsonRequest,
  type PublishRequest,
  type PublishResponse,
} from './publish.ts';
import { UrlGroups } from './url-groups.ts';

export interface ClientConfig {
  /** `QSTASH_URL` by default, else `http://127.0.0.1:8080`. */
  baseUrl?: string;
  /** `QSTASH_TOKEN` by default. */
  token?: string;
  /** Tries after a network failure; `false` for none. */
  retry?: Retry | false;
  /** Headers of every message; those of a message beat them. */
  headers?: HeadersInit;
}

/** Publishes messages with posthorn, and everything around it. */
export class Client {
  readonly messages: Messages;
  readonly urlGroups: UrlGroups;
  readonly #http: Http;
  readonly #headers: HeadersInit | undefined;

  constructor(config: ClientConfig = {}) {
    const baseUrl = config.baseUrl ?? readVariable('QSTASH_URL') ?? 'http://127.0.0.1:8080';
    this.#http = createHttp({
      baseUrl: baseUrl.replace(/\/$/, ''),
      token: config.token ?? readVariable('QSTASH_TOKEN') ?? '',
      retry: config.retry ?? {},
    });
    this.#headers = config.headers;
    this.messages = new Messages(this.#http);
    this.urlGroups = new UrlGroups(this.#http);
  }

  /** Resolves when the message is stored durably. @throws {QstashError} */
  async publish<R extends PublishRequest>(request: R): Promise<PublishResponse<R>> {
    return this.#send<R>(request, request.headers, request.body);
  }

  /** The same with a body that becomes JSON; `undefined` is no body. */
  async publishJSON<R extends PublishJsonRequest>(request: R): Promise<PublishResponse<R>> {
    const headers = new Headers(request.headers);
    headers.set('Content-Type', 'application/json');
    return this.#send<R>(request, headers, request.body === undefined ? undefined : JSON.stringify(request.body));
  }

  async #send<R>(request: PublishJsonRequest, headers: HeadersInit | undefined, body: BodyInit | undefined) {
    const reply = await this.#http.call(publish.publish, {
      params: { destination: readDestination(request) },
      headers: writePublishHeaders(request, new Headers(headers), this.#headers),
      body,
    });
    return reply as PublishResponse<R>;
  }
}
