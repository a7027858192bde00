import { isList, formatSelection } from './filters.ts';
import type { BodyInit, CallOptions, Query, Requester } from './http.ts';
import { readPages } from './pages.ts';
import { formatSegment } from './path.ts';
import { formatDestination, formatMessageHeaders, type MessageOptions } from './publish.ts';
import { isGiven, toBytes } from './text.ts';
import type {
  NotifyResponse,
  TriggerResponse,
  WorkflowLetter,
  WorkflowRun,
  WorkflowState,
  WorkflowWaiter,
} from './workflow-run.ts';

type OneOrMore<T> = T | readonly T[];

export interface TriggerRequest extends Omit<MessageOptions, 'method' | 'callback'> {
  /** URL of the workflow. */
  url: string;
  /** The payload of the run. */
  body?: BodyInit;
  /**
   * The id of the run; the server generates one by default. While a run with this id is active, no other starts. Ids begin
   * with `wfr_`, which every call adds if it is missing.
   */
  workflowRunId?: string;
  /** Not before this instant, in seconds since 1970. */
  notBefore?: number;
}

/** Which runs are meant. Several values of one field are alternatives; all fields must match. */
export interface WorkflowFilter {
  workflowUrl?: OneOrMore<string>;
  label?: OneOrMore<string>;
  flowControlKey?: OneOrMore<string>;
  /** Address of the client that started the run. */
  callerIp?: OneOrMore<string>;
  /** Not before this instant; a number is in milliseconds since 1970. */
  fromDate?: Date | number;
  /** Not after this instant; a number is in milliseconds since 1970. */
  toDate?: Date | number;
}

export interface RunsRequest extends WorkflowFilter {
  workflowRunId?: OneOrMore<string>;
  state?: OneOrMore<WorkflowState>;
  /** Runs on one page: 10 at most. */
  count?: number;
  /** About how many bytes of response end a page; 1 MiB by default, 16 MiB at most. */
  maxBytes?: number;
  /** Where an earlier page ended. */
  cursor?: string;
}

export interface NotifyRequest {
  eventId: string;
  /** Text and bytes as they are; anything else becomes JSON. */
  eventData?: unknown;
  /** Only this run gets it, and keeps it for a step that does not wait yet. */
  workflowRunId?: string;
}

/** Runs that a call means: by ids, by a filter with at least one field, or all. */
export type WorkflowCancelRequest =
  | readonly string[]
  | { filter: WorkflowFilter & { workflowUrlExactMatch?: boolean }; count?: number; all?: never }
  | { all: true; count?: number; filter?: never };

/** Dead letters that a call means: by ids, by a filter with at least one field, or the oldest. 100 at most in one call. */
export type WorkflowLettersRequest =
  | readonly string[]
  | { filter: WorkflowFilter & WorkflowLetterFilter; count?: number; cursor?: string; all?: never }
  | { all: true; count?: number; cursor?: string; filter?: never };

/** What only dead letters have. */
export interface WorkflowLetterFilter {
  workflowRunId?: OneOrMore<string>;
  /** Status of the last response. */
  responseStatus?: OneOrMore<number>;
  failureFunctionState?: OneOrMore<'CALLBACK_INPROGRESS' | 'CALLBACK_SUCCESS' | 'CALLBACK_FAIL' | 'CALLBACK_CANCELED'>;
}

/** Settings of a run that is repeated. Those that are not given stay as they were. */
export type RepeatOptions = Pick<
  MessageOptions,
  'retries' | 'retryDelay' | 'delay' | 'flowControl' | 'label' | 'failureCallback'
>;

/** Runs of workflows, whose steps are served with `@upstash/workflow`. */
export class Workflow {
  readonly #http: Requester;

  constructor(http: Requester) {
    this.#http = http;
  }

  /**
   * Begins a run. Resolves when it is stored durably.
   *
   * @throws {QstashError}
   */
  async trigger(request: TriggerRequest, options: CallOptions = {}): Promise<TriggerResponse> {
    const { url, body, workflowRunId, ...message } = request;
    const headers = formatMessageHeaders(this.#http, message);
    const isNamed = isGiven(workflowRunId);
    if (isNamed) headers.set('Upstash-Workflow-RunId', toBytes(formatRunId(workflowRunId)));
    if (!headers.has('Content-Type')) headers.set('Content-Type', 'application/json');
    return this.#http.request({
      ...options,
      method: 'POST',
      path: ['v2', 'trigger', formatDestination(url)],
      headers,
      body,
      isRepeatable: isNamed,
    });
  }

  /** One page of runs with their steps, newest first. */
  async list(request: RunsRequest = {}, options: CallOptions = {}): Promise<{ runs: WorkflowRun[]; cursor?: string }> {
    return this.#http.request({ ...options, path: ['v2', 'workflows', 'logs'], query: formatRunIds(request) });
  }

  /** Every run that matches, newest first, page by page as they are asked for. `timeoutMs` is for each page. */
  iterate(request: RunsRequest = {}, options: CallOptions = {}): AsyncGenerator<WorkflowRun, void, undefined> {
    return readPages(
      request,
      (page) => this.list(page, options),
      ({ runs }) => runs,
    );
  }

  /** The run that has this id now, or had it last; `undefined` if there is none. */
  async get(workflowRunId: string, options: CallOptions = {}): Promise<WorkflowRun | undefined> {
    formatSegment(workflowRunId, 'Workflow run id');
    return (await this.list({ workflowRunId, count: 1 }, options)).runs[0];
  }

  /** Cancels one run, several, those that match a filter, or all of them, 100 at most in one call. */
  async cancel(request: string | WorkflowCancelRequest, options: CallOptions = {}): Promise<{ cancelled: number }> {
    const ids = typeof request === 'object' ? request : [request];
    const selection = formatSelection(isList(ids) ? ids.map(formatRunId) : ids, 'workflowRunIds');
    if (!selection) return { cancelled: 0 };
    return this.#http.request({ ...options, ...selection, method: 'DELETE', path: ['v2', 'workflows', 'runs'] });
  }

  /** Resumes the steps that wait for an event, and gives the waiters that were resumed. */
  async notify(
    { eventId, eventData, workflowRunId }: NotifyRequest,
    options: CallOptions = {},
  ): Promise<NotifyResponse[]> {
    const run = workflowRunId === undefined ? [] : [encodeURIComponent(formatRunId(workflowRunId))];
    const isPlain = typeof eventData === 'string' || eventData instanceof Uint8Array || eventData === undefined;
    const body = isPlain ? eventData : JSON.stringify(eventData);
    const path = ['v2', 'notify', ...run, formatSegment(eventId, 'Event id')];
    return this.#http.request({ ...options, method: 'POST', path, body });
  }

  /** The steps that wait for an event. */
  async waiters(eventId: string, options: CallOptions = {}): Promise<WorkflowWaiter[]> {
    return this.#http.request({ ...options, path: ['v2', 'waiters', formatSegment(eventId, 'Event id')] });
  }

  /** One page of runs that have failed, oldest first. */
  async listDlq(
    request: WorkflowFilter &
      WorkflowLetterFilter & {
        dlqIds?: OneOrMore<string>;
        count?: number;
        cursor?: string;
        /** About how many bytes of response end a page; 1 MiB by default, 16 MiB at most. */
        maxBytes?: number;
      } = {},
    options: CallOptions = {},
  ): Promise<{ messages: WorkflowLetter[]; cursor?: string }> {
    return this.#http.request({ ...options, path: lettersPath, query: formatRunIds(request) });
  }

  /**
   * Continues a failed run, as a new run, at the step that failed.
   *
   * @throws {QstashNotFoundError} when there is no such entry
   */
  async resume(dlqId: string, settings: RepeatOptions = {}, options: CallOptions = {}): Promise<TriggerResponse> {
    return this.#repeat('resume', dlqId, settings, options);
  }

  /**
   * Begins a failed run again, as a new run, with the same payload.
   *
   * @throws {QstashNotFoundError} when there is no such entry
   */
  async restart(dlqId: string, settings: RepeatOptions = {}, options: CallOptions = {}): Promise<TriggerResponse> {
    return this.#repeat('restart', dlqId, settings, options);
  }

  /**
   * Removes one dead letter, several, those that match a filter, or the oldest. The log of the run stays. A cursor is there
   * if entries were left.
   *
   * @throws {QstashNotFoundError} for one id, when there is no such entry
   */
  async deleteDlq(
    request: string | WorkflowLettersRequest,
    options: CallOptions = {},
  ): Promise<{ deleted: number; cursor?: string }> {
    const method = 'DELETE';
    if (typeof request === 'string') {
      await this.#http.request({ ...options, method, path: formatPath(request), parseResponseAsJson: false });
      return { deleted: 1 };
    }
    const meant = isList(request) ? request : { ...request, filter: request.filter && formatRunIds(request.filter) };
    const selection = formatSelection(meant, 'dlqIds');
    if (!selection) return { deleted: 0 };
    return this.#http.request({ ...options, ...selection, method, path: lettersPath });
  }

  /**
   * Calls the failure function of a failed run again, when it has failed itself (`CALLBACK_FAIL`).
   *
   * @throws {QstashNotFoundError} when there is no such entry; {QstashError} in any other state
   */
  async retryFailureFunction(dlqId: string, options: CallOptions = {}): Promise<TriggerResponse> {
    return this.#http.request({ ...options, method: 'POST', path: formatPath(dlqId, 'callback') });
  }

  /**
   * Stops the calls of a failure function that is being called or retried (`CALLBACK_INPROGRESS`).
   *
   * @throws {QstashNotFoundError} when there is no such entry; {QstashError} in any other state
   */
  async cancelFailureFunction(dlqId: string, options: CallOptions = {}): Promise<TriggerResponse> {
    // The second try would be refused: they are stopped.
    const isRepeatable = false;
    return this.#http.request({ ...options, method: 'DELETE', path: formatPath(dlqId, 'callback'), isRepeatable });
  }

  async #repeat(verb: string, dlqId: string, settings: RepeatOptions, options: CallOptions): Promise<TriggerResponse> {
    const headers = formatMessageHeaders(this.#http, settings);
    return this.#http.request({ ...options, method: 'POST', path: formatPath(dlqId, verb), headers });
  }
}

const lettersPath = ['v2', 'workflows', 'dlq'];

/** The path of one dead letter of a run, or of an action on it. */
function formatPath(dlqId: string, ...verb: string[]): string[] {
  return [...lettersPath, ...verb, formatSegment(dlqId, 'DLQ id')];
}

/** A run is known by `wfr_` in front: without it, an event for one run would be taken for another event. */
function formatRunId(id: string | number): string {
  // Callers without types give numbers, too.
  formatSegment(id as string, 'Workflow run id');
  return String(id).replace(/^(?!wfr_)/, 'wfr_');
}

function formatRunIds({ workflowRunId, ...rest }: { workflowRunId?: OneOrMore<string> }): Query {
  return workflowRunId === undefined ? rest : { ...rest, workflowRunId: [workflowRunId].flat().map(formatRunId) };
}
