import type { AtLeastOne, CommonFilter, HostPathFilter } from './filters.ts';
import { formatFilter, formatSelection } from './filters.ts';
import type { CallOptions, Requester } from './http.ts';
import type { ErrorKind, Limits, MessageState } from './message-parts.ts';
import { readPages } from './pages.ts';
import { formatSegment } from './path.ts';
import type { MessageListRequest, MessageSummary, MessageTimeline } from './views.ts';

/** A message as the server shows it. Header names are in canonical form, such as `Content-Type`. */
export interface Message extends Limits {
  messageId: string;
  /** Where this message goes; for a URL group, its endpoint. */
  url: string;
  /** The URL group it was published to. */
  urlGroup?: string;
  /** The same as `urlGroup`. */
  topicName?: string;
  /** Name of the endpoint in its URL group. */
  endpointName?: string;
  queueName?: string;
  scheduleId?: string;
  method: string;
  /** What is forwarded, and the `Content-Type`. */
  header?: Record<string, string[]>;
  /** The body, if it is UTF-8. */
  body?: string;
  /** The body in base64, if it is not UTF-8. */
  bodyBase64?: string;
  /** There is a body, and it is not shown: it was too large for one response. */
  bodyTruncated?: true;
  /** The last thing that happened to the message. */
  state?: MessageState;
  /** Attempts that were begun. */
  attempts?: number;
  /** When the next attempt is due, in milliseconds since 1970. */
  nextDeliveryTime?: number;
  /** Why the last attempt failed, if it did. */
  error?: string;
  errorKind?: ErrorKind;
  maxRetries: number;
  retryDelayExpression?: string;
  /** When the first attempt may start, in milliseconds since 1970. */
  notBefore: number;
  /** In milliseconds since 1970. */
  createdAt: number;
  callback?: string;
  failureCallback?: string;
  callbackHeader?: Record<string, string[]>;
  failureCallbackHeader?: Record<string, string[]>;
  /** Address of the publisher. */
  callerIp?: string;
  /** The same as `callerIp`. */
  callerIP?: string;
}

/** A message as it is on the wire. */
export type MessagePayload = Omit<Message, 'urlGroup' | 'ratePerSecond'>;

export type MessageFilter = CommonFilter & HostPathFilter;

/** Which messages to cancel: by ids, by a filter, or all. */
export type CancelRequest =
  | {
      /** Ids; those that do not exist or have ended are not counted. An empty list is refused. */
      messageIds: readonly string[];
      filter?: never;
      all?: never;
      count?: never;
    }
  | {
      /** Fields that must all match; several values of one field are alternatives. */
      filter: AtLeastOne<MessageFilter>;
      /** Maximum number of messages that are canceled; 100 by default. */
      count?: number;
      messageIds?: never;
      all?: never;
    }
  | {
      /** Any message, whatever it is. */
      all: true;
      /** Maximum number of messages that are canceled; 100 by default. */
      count?: number;
      messageIds?: never;
      filter?: never;
    };

/** Messages that have not ended, or ended a short time ago. */
export class Messages {
  readonly #http: Requester;

  constructor(http: Requester) {
    this.#http = http;
  }

  /** @throws {QstashNotFoundError} when there is no such message (any more) */
  async get(messageId: string, options: CallOptions = {}): Promise<Message> {
    const path = ['v2', 'messages', formatSegment(messageId, 'Message id')];
    return addAliases(await this.#http.request<Message>({ ...options, path }));
  }

  /** One page of messages, newest first, also of those that have ended. A page may be short and still have a cursor. */
  async list(
    { filter, ...request }: MessageListRequest = {},
    options: CallOptions = {},
  ): Promise<{ messages: MessageSummary[]; cursor?: string }> {
    return this.#http.request({ ...options, path: ['v2', 'messages'], query: { ...request, ...formatFilter(filter) } });
  }

  /** Every message that matches, newest first, page by page as they are asked for. `timeoutMs` is for each page. */
  iterate(
    request: MessageListRequest = {},
    options: CallOptions = {},
  ): AsyncGenerator<MessageSummary, void, undefined> {
    return readPages(
      request,
      (page) => this.list(page, options),
      ({ messages }) => messages,
    );
  }

  /**
   * Where a message is and why, with its attempts and its log.
   *
   * @param request `timeZone`: zone of the times in the sentence, UTC by default; `trimBody`: bytes of each body that are
   *   shown, all by default
   * @throws {QstashNotFoundError} when the log does not contain it (any more)
   */
  async timeline(
    messageId: string,
    request: { timeZone?: string; trimBody?: number } = {},
    options: CallOptions = {},
  ): Promise<MessageTimeline> {
    const path = ['v2', 'messages', formatSegment(messageId, 'Message id'), 'timeline'];
    return this.#http.request({ ...options, path, query: { ...request } });
  }

  /**
   * Cancels one message, several, those that match a filter, or all. An attempt that runs goes on, but is the last.
   * Resolves to how many messages this call has newly canceled.
   *
   * @throws {QstashNotFoundError} for one id, when there is no such message or it has ended
   */
  async cancel(
    request: string | readonly string[] | CancelRequest,
    options: CallOptions = {},
  ): Promise<{ cancelled: number }> {
    const method = 'DELETE';
    if (typeof request !== 'object') {
      const path = ['v2', 'messages', formatSegment(request, 'Message id')];
      return this.#http.request({ ...options, method, path, whenDone: { cancelled: 1 } });
    }
    const selection = formatSelection(request, 'messageIds');
    if (!selection) return { cancelled: 0 };
    return this.#http.request({ ...options, ...selection, method, path: ['v2', 'messages'] });
  }

  /**
   * Delivers a message at once that waits for its time, or for a retry; the number of its attempts stays.
   *
   * @throws {QstashNotFoundError} when there is no such message (any more)
   */
  async runNow(messageId: string, options: CallOptions = {}): Promise<{ messageId: string }> {
    const path = ['v2', 'messages', formatSegment(messageId, 'Message id'), 'retry'];
    // A message that is not there any more after the first try was delivered by it.
    return this.#http.request({ ...options, method: 'POST', path, isRepeatable: true, whenDone: { messageId } });
  }

  /** @deprecated use `cancel(messageId)` */
  async delete(messageId: string, options: CallOptions = {}): Promise<void> {
    const path = ['v2', 'messages', formatSegment(messageId, 'Message id')];
    await this.#http.request({ ...options, method: 'DELETE', path, parseResponseAsJson: false });
  }

  /** @deprecated use `cancel(messageIds)` */
  async deleteMany(messageIds: readonly string[], options?: CallOptions): Promise<number> {
    return (await this.cancel(messageIds, options)).cancelled;
  }

  /** @deprecated use `cancel({ all: true })` */
  async deleteAll(options?: CallOptions): Promise<number> {
    return (await this.cancel({ all: true }, options)).cancelled;
  }
}

/** Adds the names that the wire does not have. */
export function addAliases<T extends { topicName?: string; rate?: number }>(
  message: T,
): T & { urlGroup?: string; ratePerSecond?: number } {
  return {
    ...message,
    ...(message.topicName === undefined ? {} : { urlGroup: message.topicName }),
    ...(message.rate === undefined ? {} : { ratePerSecond: message.rate }),
  };
}
