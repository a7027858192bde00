import type { Destination, Message, ScheduledState } from '@posthorn/shared';

/** What was asked for when a schedule was made. It never changes. */
export interface Definition {
  cron: string;
  destination: Destination;
  /** Its messages, but for what each trigger adds; `createdAt` and `notBefore` are those of the schedule. */
  message: Omit<Message, 'url'>;
  /** Only if a time limit was asked for. */
  timeoutMs?: number;
}

/** A schedule with what has become of it. */
export interface ScheduleState {
  definition: Definition;
  isPaused: boolean;
  nextAt: number;
  /** The last trigger that published. */
  lastAt?: number;
  error?: string;
  /** Messages of the last triggers, the last of which may not be known yet to have published. */
  messages: { tickAt: number; messageId: string; state: ScheduledState }[];
}

/** The fields of a schedule beside those of its messages; scripts get their names as `fieldNames`. */
export const scheduleFields = {
  definition: 'definition',
  createdAt: 'createdAt',
  next: 'next',
  /** `pausedForever`, or the instant until which times pass without messages. */
  pausedUntil: 'pausedUntil',
  last: 'last',
  error: 'error',
} as const;

const { definition, createdAt, next, pausedUntil, last, error } = scheduleFields;
export const fieldNames = [definition, createdAt, next, pausedUntil, last, error] as const;

/** Parses the hash of a schedule; `undefined` if there is none. */
export function parseSchedule(fields: Record<string, string>): ScheduleState | undefined {
  const json = fields[definition];
  const lastAt = fields[last];
  const reason = fields[error];
  if (json === undefined) return undefined;
  return {
    definition: JSON.parse(json) as Definition,
    isPaused: fields[pausedUntil] === pausedForever,
    nextAt: Number(fields[next]),
    ...(lastAt === undefined ? {} : { lastAt: Number(lastAt) }),
    ...(reason === undefined ? {} : { error: reason }),
    messages: Object.entries(fields).flatMap(([field, state]) => {
      const [, tickAt, messageId] = /^(\d+):(.*)$/.exec(field) ?? [];
      return messageId === undefined ? [] : [{ tickAt: Number(tickAt), messageId, state: state as ScheduledState }];
    }),
  };
}

/** Value of the field `pausedUntil` while a schedule is paused; after it was resumed, the instant of that. */
export const pausedForever = 'inf';

/** The field of a schedule that holds the state of a message. */
export function stateField(tickAt: number, messageId: string): string {
  return `${tickAt}:${messageId}`;
}
