import type { CallOptions, Query, Requester } from './http.ts';
import { formatSegment } from './path.ts';

/** What is known of a flow-control key. A limit of 0 is none. */
export interface FlowControlInfo {
  flowControlKey: string;
  /** Messages that wait for the key. */
  waitListSize: number;
  /** Maximum number of attempts in flight. */
  parallelismMax: number;
  /** Attempts in flight. */
  parallelismCount: number;
  /** Maximum number of attempts that start per period. */
  rateMax: number;
  /** Attempts that started in this period. */
  rateCount: number;
  /** In seconds. */
  ratePeriod: number;
  /** In seconds since 1970. */
  ratePeriodStart: number;
  isPaused: boolean;
  /** Whether `pin` has fixed the parallelism. */
  isPinnedParallelism: boolean;
  /** Whether `pin` has fixed the rate. */
  isPinnedRate: boolean;
}

export interface GlobalParallelismInfo {
  /** Maximum number of attempts in flight, over all keys and without a key; 0 without a limit. */
  parallelismMax: number;
  /** Attempts in flight. */
  parallelismCount: number;
}

export interface PinFlowControlOptions {
  /** Maximum number of attempts in flight. */
  parallelism?: number;
  /** Maximum number of attempts that start per period. */
  rate?: number;
  /** Length of the window of `rate`, in seconds; only together with `rate`. */
  period?: number;
}

export interface UnpinFlowControlOptions {
  /** Whether to lift the fixed parallelism; `false` by default. */
  parallelism?: boolean;
  /** Whether to lift the fixed rate and its period; `false` by default. */
  rate?: boolean;
}

/** The limits that messages with one key share. */
export class FlowControlApi {
  readonly #http: Requester;

  constructor(http: Requester) {
    this.#http = http;
  }

  /**
   * The limits of one key, what runs and what waits.
   *
   * @throws {QstashNotFoundError} when no message has used the key
   */
  async get(flowControlKey: string, options: CallOptions = {}): Promise<FlowControlInfo> {
    return this.#http.request({ ...options, path: formatPath(flowControlKey) });
  }

  /** All keys, or those that have the text `search` in their name. */
  async list({ search }: { search?: string } = {}, options: CallOptions = {}): Promise<FlowControlInfo[]> {
    return this.#http.request({ ...options, path: ['v2', 'flowControl'], query: { search } });
  }

  /** The limit of attempts in flight over all keys, and how many there are. */
  async getGlobalParallelism(options: CallOptions = {}): Promise<GlobalParallelismInfo> {
    const path = ['v2', 'globalParallelism'];
    const { parallelismMax = 0, parallelismCount = 0 } = await this.#http.request<Partial<GlobalParallelismInfo>>({
      ...options,
      path,
    });
    return { parallelismMax, parallelismCount };
  }

  /** Starts no further attempt with this key; messages wait. */
  pause(flowControlKey: string, options?: CallOptions): Promise<void> {
    return this.#act(flowControlKey, 'pause', {}, options);
  }

  /** Starts attempts with this key again, the oldest message first. */
  resume(flowControlKey: string, options?: CallOptions): Promise<void> {
    return this.#act(flowControlKey, 'resume', {}, options);
  }

  /** Fixes limits of this key: those of messages are ignored until `unpin`. A limit that is not given stays as it is. */
  pin(flowControlKey: string, limits: PinFlowControlOptions, options?: CallOptions): Promise<void> {
    const { parallelism, rate, period } = limits;
    return this.#act(flowControlKey, 'pin', { parallelism, rate, period }, options);
  }

  /** Lifts what `pin` has fixed: the limits of the next message count again. */
  unpin(flowControlKey: string, limits: UnpinFlowControlOptions, options?: CallOptions): Promise<void> {
    const { parallelism, rate } = limits;
    return this.#act(flowControlKey, 'unpin', { parallelism, rate }, options);
  }

  /** Begins a new rate window now. */
  resetRate(flowControlKey: string, options?: CallOptions): Promise<void> {
    return this.#act(flowControlKey, 'resetRate', {}, options);
  }

  async #act(flowControlKey: string, verb: string, query: Query, options: CallOptions = {}): Promise<void> {
    await this.#http.request({
      ...options,
      method: 'POST',
      path: [...formatPath(flowControlKey), verb],
      query,
      parseResponseAsJson: false,
      isRepeatable: true,
    });
  }
}

function formatPath(flowControlKey: string): string[] {
  return ['v2', 'flowControl', formatSegment(flowControlKey, 'Flow control key')];
}
