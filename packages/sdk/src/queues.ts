import { QstashValidationError } from './errors.ts';
import type { CallOptions, Requester } from './http.ts';
import { checkNumber } from './numbers.ts';
import { formatSegment } from './path.ts';
import { publish, formatJson } from './publish.ts';
import type { Checked, PublishRequest, PublishResponse } from './publish.ts';

export interface QueueRequest {
  /** Letters, digits, `.`, `_` and `-`. */
  queueName?: string;
}

export interface UpsertQueueRequest {
  /** Maximum number of messages in progress; 1 by default: strictly one after the other. */
  parallelism?: number;
  /** Whether messages are only collected; `false` by default. */
  paused?: boolean;
}

export interface QueueResponse {
  name: string;
  /** In milliseconds since 1970. */
  createdAt: number;
  /** In milliseconds since 1970. */
  updatedAt: number;
  parallelism: number;
  /** Messages that have not ended. */
  lag: number;
  /** The message that is delivered now or next: all others wait behind it. Times are in milliseconds since 1970. */
  first?: { messageId: string; createdAt: number };
  paused: boolean;
}

/** A queue: its messages are delivered in their order. */
export class Queue {
  readonly #http: Requester;
  readonly #queueName: string | undefined;

  constructor(http: Requester, queueName?: string) {
    this.#http = http;
    this.#queueName = queueName;
  }

  /** Creates the queue, or changes it. */
  async upsert({ parallelism = 1, paused = false }: UpsertQueueRequest = {}, options: CallOptions = {}): Promise<void> {
    this.#path();
    await this.#http.request({
      ...options,
      method: 'POST',
      path: ['v2', 'queues'],
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        queueName: this.#queueName,
        // As JSON, a number that is not finite is null, which means the default to a server.
        parallelism: typeof parallelism === 'number' ? checkNumber('parallelism', parallelism) : parallelism,
        paused,
      }),
      parseResponseAsJson: false,
      isRepeatable: true,
    });
  }

  /** @throws {QstashNotFoundError} when there is no such queue */
  async get(options: CallOptions = {}): Promise<QueueResponse> {
    return this.#http.request({ ...options, path: this.#path() });
  }

  /** All queues; needs no name. */
  async list(options: CallOptions = {}): Promise<QueueResponse[]> {
    return this.#http.request({ ...options, path: ['v2', 'queues'] });
  }

  /** Removes the queue and cancels its messages. Succeeds also when there is no such queue. */
  async delete(options: CallOptions = {}): Promise<void> {
    await this.#http.request({ ...options, method: 'DELETE', path: this.#path(), parseResponseAsJson: false });
  }

  /** Starts no further message; new ones are accepted and wait. */
  async pause(options: CallOptions = {}): Promise<void> {
    await this.#act('pause', options);
  }

  /** Goes on, from the oldest message. */
  async resume(options: CallOptions = {}): Promise<void> {
    await this.#act('resume', options);
  }

  /** Publishes into the queue, which is created when needed. Resolves when the message is stored durably. */
  async enqueue<const TRequest extends PublishRequest>(
    request: TRequest & Checked<TRequest>,
    options: CallOptions = {},
  ): Promise<PublishResponse<TRequest>> {
    const [, , name = ''] = this.#path();
    return publish(this.#http, ['v2', 'enqueue', name], request as PublishRequest, options);
  }

  /** The same with a body that becomes JSON; `undefined` is no body. */
  async enqueueJSON<TBody = unknown, const TRequest extends PublishRequest<TBody> = PublishRequest<TBody>>(
    request: TRequest & Checked<TRequest>,
    options: CallOptions = {},
  ): Promise<PublishResponse<TRequest>> {
    const [, , name = ''] = this.#path();
    const written: PublishRequest = formatJson(request as PublishRequest<TBody>);
    return publish(this.#http, ['v2', 'enqueue', name], written, options);
  }

  #path(): string[] {
    if (!this.#queueName) throw new QstashValidationError('Please provide a queue name to the Queue constructor');
    return ['v2', 'queues', formatSegment(this.#queueName, 'Queue name')];
  }

  async #act(verb: string, options: CallOptions): Promise<void> {
    const path = [...this.#path(), verb];
    await this.#http.request({ ...options, method: 'POST', path, parseResponseAsJson: false, isRepeatable: true });
  }
}
