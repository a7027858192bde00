import { formatFilter, formatSelection, type AtLeastOne, type CommonFilter, type Exclusive } from './filters.ts';
import type { CallOptions, Requester } from './http.ts';
import { addAliases, type Message } from './messages.ts';
import { readPages } from './pages.ts';
import { formatSegment } from './path.ts';
import type { DlqCause } from './views.ts';

/** A message that has finally failed, with the last response of its destination. */
export interface DlqMessage extends Message {
  dlqId: string;
  /** Status of the last response; 0 if there was none. */
  responseStatus?: number;
  responseHeader?: Record<string, string[]>;
  /** Body of the last response, if it is UTF-8. */
  responseBody?: string;
  /** Body of the last response in base64, if it is not UTF-8. */
  responseBodyBase64?: string;
  /** The destination sent a longer body than is kept, or than fits into one response. */
  responseBodyTruncated?: true;
}

export interface DlqFilter extends CommonFilter {
  messageId?: string;
  /** Status of the last response; 0 stands for none. */
  responseStatus?: number | readonly number[];
  /** Host of the destination, or its URL. */
  destination?: string | readonly string[];
  /** A cause, as `summary` names it. */
  cause?: string | readonly string[];
}

/** One page: by ids, or what matches. */
export type DlqListRequest = {
  /** Maximum number of entries of the page; 100 by default and at most. */
  count?: number;
  /** The page ends after about so many bytes; 1 MiB by default, 16 MiB at most. */
  maxBytes?: number;
  /** `earliestFirst` by default. */
  order?: 'earliestFirst' | 'latestFirst';
} & Exclusive<{ dlqIds: string | readonly string[] }, { filter?: DlqFilter; cursor?: string }>;

/** Which entries to retry or to delete: by ids, by a filter, or the oldest. */
export type DlqBulkRequest =
  | {
      /** One id or several. An empty list is refused. */
      dlqIds: string | readonly string[];
      filter?: never;
      all?: never;
      count?: never;
      cursor?: never;
    }
  | {
      /** Fields that must all match; several values of one field are alternatives. */
      filter: AtLeastOne<DlqFilter>;
      /** Maximum number of entries of this call; 100 by default and at most. */
      count?: number;
      /** Where an earlier call stopped, from its response. */
      cursor?: string;
      dlqIds?: never;
      all?: never;
    }
  | {
      /** The oldest entries, whatever they are. */
      all: true;
      /** Maximum number of entries of this call; 100 by default and at most. */
      count?: number;
      /** Where an earlier call stopped, from its response. */
      cursor?: string;
      dlqIds?: never;
      filter?: never;
    };

export interface DlqPage {
  /** Oldest first. */
  messages: DlqMessage[];
  /** Where the next page begins; none on the last. */
  cursor?: string;
}

/** The dead letter queue: messages that have finally failed, until they are retried, deleted or too old. */
export class DLQ {
  readonly #http: Requester;

  constructor(http: Requester) {
    this.#http = http;
  }

  /** One page, oldest first. */
  async listMessages({ filter, ...request }: DlqListRequest = {}, options: CallOptions = {}): Promise<DlqPage> {
    const query = { ...request, ...formatFilter(filter) };
    const page = await this.#http.request<DlqPage>({ ...options, path: ['v2', 'dlq'], query });
    return { ...page, messages: page.messages.map((message) => addAliases(message)) };
  }

  /** Every entry that matches, oldest first, page by page as they are asked for. `timeoutMs` is for each page. */
  iterateMessages(
    request: {
      filter?: DlqFilter;
      cursor?: string;
      count?: number;
      maxBytes?: number;
      order?: 'earliestFirst' | 'latestFirst';
    } = {},
    options: CallOptions = {},
  ): AsyncGenerator<DlqMessage, void, undefined> {
    return readPages(
      request,
      (page) => this.listMessages(page, options),
      ({ messages }) => messages,
    );
  }

  /** Counts the entries by their causes, the most frequent first; at most 100 causes. */
  async summary(
    request: { filter?: DlqFilter } = {},
    options: CallOptions = {},
  ): Promise<{ total: number; groups: DlqCause[] }> {
    return this.#http.request({ ...options, path: ['v2', 'dlq', 'summary'], query: formatFilter(request.filter) });
  }

  /** @throws {QstashNotFoundError} when there is no such entry */
  async get(dlqId: string, options: CallOptions = {}): Promise<DlqMessage> {
    const path = ['v2', 'dlq', formatSegment(dlqId, 'DLQ id')];
    return addAliases(await this.#http.request<DlqMessage>({ ...options, path }));
  }

  /**
   * Removes one entry, several, those that match a filter, or the oldest. A cursor is there if entries were left.
   *
   * @throws {QstashNotFoundError} for one id, when there is no such entry
   */
  async delete(
    request: string | readonly string[] | DlqBulkRequest,
    options: CallOptions = {},
  ): Promise<{ deleted: number; cursor?: string }> {
    const method = 'DELETE';
    if (typeof request !== 'object') {
      const path = ['v2', 'dlq', formatSegment(request, 'DLQ id')];
      await this.#http.request({ ...options, method, path, parseResponseAsJson: false });
      return { deleted: 1 };
    }
    const selection = formatSelection(request, 'dlqIds');
    if (!selection) return { deleted: 0 };
    return this.#http.request({ ...options, ...selection, method, path: ['v2', 'dlq'] });
  }

  /** @deprecated use `delete({ dlqIds })` */
  deleteMany(
    { dlqIds }: { dlqIds: readonly string[] },
    options?: CallOptions,
  ): Promise<{ deleted: number; cursor?: string }> {
    return this.delete({ dlqIds }, options);
  }

  /**
   * Publishes entries again as new messages and removes them: one, several, those that match a filter, or the oldest.
   * A cursor is there if entries were left.
   *
   * @throws {QstashNotFoundError} when one of the ids is not there; then none is retried
   */
  async retry(
    request: string | readonly string[] | DlqBulkRequest,
    options: CallOptions = {},
  ): Promise<{ responses: { messageId: string }[]; cursor?: string }> {
    const selection = formatSelection(typeof request === 'object' ? request : [checkId(request)], 'dlqIds');
    if (!selection) return { responses: [] };
    const { cursor, responses } = await this.#http.request<{ responses: { messageId: string }[]; cursor?: string }>({
      ...options,
      method: 'POST',
      path: ['v2', 'dlq', 'retry'],
      query: selection.query,
    });
    return cursor ? { responses, cursor } : { responses };
  }
}

function checkId(dlqId: string): string {
  formatSegment(dlqId, 'DLQ id');
  return dlqId;
}
