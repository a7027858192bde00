import type { BodyInit, CallOptions, Requester } from './http.ts';
import type { Limits } from './message-parts.ts';
import { addAliases } from './messages.ts';
import { formatSegment } from './path.ts';
import { formatDestination, formatMessageHeaders, type MessageOptions } from './publish.ts';
import { isGiven } from './text.ts';

export interface CreateScheduleRequest extends MessageOptions {
  /** URL or name of a URL group. */
  destination: string;
  /**
   * Five fields: minute, hour, day of the month, month, day of the week; in UTC, or in another time zone with
   * `CRON_TZ=Europe/Paris ` before them.
   */
  cron: string;
  /** Body of every message; `Content-Type` is `application/json` unless a header says otherwise. */
  body?: BodyInit;
  /** Replaces the schedule that has this id. The server generates an id by default. */
  scheduleId?: string;
  /** Puts the messages into this queue. */
  queueName?: string;
}

/** A schedule as the server shows it. */
export interface Schedule extends Limits {
  scheduleId: string;
  cron: string;
  /** In milliseconds since 1970. */
  createdAt: number;
  /** URL or name of a URL group. */
  destination: string;
  method: string;
  /** What is forwarded, and the `Content-Type`. */
  header?: Record<string, string[]>;
  /** The body, if it is UTF-8. */
  body?: string;
  /** The body in base64, if it is not UTF-8. */
  bodyBase64?: string;
  /** There is a body, and it is not shown: `list` leaves out bodies above 16 KiB. */
  bodyTruncated?: true;
  retries: number;
  retryDelayExpression?: string;
  /** From each trigger to the first attempt, in seconds. */
  delay?: number;
  /** Longest time of one attempt, in seconds. */
  timeout?: number;
  callback?: string;
  failureCallback?: string;
  callbackHeader?: Record<string, string[]>;
  failureCallbackHeader?: Record<string, string[]>;
  queueName?: string;
  /** Address of the creator. */
  callerIp?: string;
  /** The same as `callerIp`. */
  callerIP?: string;
  isPaused: boolean;
  /** When it last published, in milliseconds since 1970. */
  lastScheduleTime?: number;
  /** When it publishes next, in milliseconds since 1970; goes on also while the schedule is paused. */
  nextScheduleTime?: number;
  /** What became of the messages of the last trigger, by their ids. */
  lastScheduleStates?: Record<string, 'IN_PROGRESS' | 'SUCCESS' | 'FAIL'>;
  /** Why the last trigger could not publish. */
  error?: string;
}

/** What publishes a message again and again. */
export class Schedules {
  readonly #http: Requester;

  constructor(http: Requester) {
    this.#http = http;
  }

  /** Creates a schedule, or replaces the one with this id, all of it. */
  async create(request: CreateScheduleRequest, options: CallOptions = {}): Promise<{ scheduleId: string }> {
    const headers = formatMessageHeaders(this.#http, request, {
      Cron: request.cron,
      'Schedule-Id': request.scheduleId,
      'Queue-Name': request.queueName,
    });
    if (!headers.has('Content-Type')) headers.set('Content-Type', 'application/json');
    return this.#http.request({
      ...options,
      method: 'POST',
      path: ['v2', 'schedules', formatDestination(request.destination)],
      headers,
      body: request.body,
      isRepeatable: isGiven(request.scheduleId),
    });
  }

  /** @throws {QstashNotFoundError} when there is no such schedule */
  async get(scheduleId: string, options: CallOptions = {}): Promise<Schedule> {
    return addAliases(await this.#http.request<Schedule>({ ...options, path: formatPath(scheduleId) }));
  }

  /** All of them, oldest first. Bodies above 16 KiB are left out, with `bodyTruncated`; `get` shows them. */
  async list(options: CallOptions = {}): Promise<Schedule[]> {
    const schedules = await this.#http.request<Schedule[]>({ ...options, path: ['v2', 'schedules'] });
    return schedules.map((schedule) => addAliases(schedule));
  }

  /** Messages that are on their way are left alone. @throws {QstashNotFoundError} when there is no such schedule */
  async delete(scheduleId: string, options: CallOptions = {}): Promise<void> {
    const path = formatPath(scheduleId);
    await this.#http.request({ ...options, method: 'DELETE', path, parseResponseAsJson: false });
  }

  /** Publishes nothing until `resume`. Times that pass meanwhile are skipped. */
  async pause({ schedule }: { schedule: string }, options: CallOptions = {}): Promise<void> {
    await this.#act(schedule, 'pause', options);
  }

  async resume({ schedule }: { schedule: string }, options: CallOptions = {}): Promise<void> {
    await this.#act(schedule, 'resume', options);
  }

  /**
   * Publishes its message now, besides its times; of a URL group the id is that of the first endpoint.
   *
   * @throws {QstashNotFoundError} when there is no such schedule
   */
  async run({ schedule }: { schedule: string }, options: CallOptions = {}): Promise<{ messageId: string }> {
    return this.#http.request({ ...options, method: 'POST', path: [...formatPath(schedule), 'run'] });
  }

  /** The next five times of a cron expression, in milliseconds since 1970, and the expression in words. */
  async preview({ cron }: { cron: string }, options: CallOptions = {}): Promise<{ next: number[]; text: string }> {
    return this.#http.request({ ...options, path: ['v2', 'cron'], query: { expression: cron } });
  }

  async #act(schedule: string, verb: string, options: CallOptions): Promise<void> {
    const path = [...formatPath(schedule), verb];
    await this.#http.request({ ...options, method: 'PATCH', path, parseResponseAsJson: false });
  }
}

function formatPath(scheduleId: string): string[] {
  return ['v2', 'schedules', formatSegment(scheduleId, 'Schedule id')];
}
