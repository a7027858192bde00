import { QstashValidationError } from './errors.ts';
import type { Query } from './http.ts';

type OneOrMore<T> = T | readonly T[];

/** What every filter knows. Several values of one field are alternatives; all fields must match. */
export interface CommonFilter {
  /** Not before this instant; a number is in milliseconds since 1970. */
  fromDate?: Date | number;
  /** Not after this instant; a number is in milliseconds since 1970. */
  toDate?: Date | number;
  /** Address of the publisher. */
  callerIp?: OneOrMore<string>;
  label?: OneOrMore<string>;
  flowControlKey?: OneOrMore<string>;
  /** The destination, verbatim. */
  url?: OneOrMore<string>;
  urlGroup?: OneOrMore<string>;
  scheduleId?: OneOrMore<string>;
  queueName?: OneOrMore<string>;
}

/** Parts of the destination. */
export interface HostPathFilter {
  host?: OneOrMore<string>;
  /** Such as `/webhook`, exactly. */
  path?: OneOrMore<string>;
}

/** One field at least: an empty filter would match everything. */
export type AtLeastOne<T> = { [K in keyof T]-?: Required<Pick<T, K>> & Partial<Omit<T, K>> }[keyof T];

/** The two exclude each other. */
export type Exclusive<A, B> = (A & { [K in keyof B]?: never }) | (B & { [K in keyof A]?: never });

/** A filter as the query has it: the wire calls a URL group a topic. */
export function writeFilter(filter: object = {}): Query {
  const { urlGroup, ...rest } = filter as Query;
  return urlGroup === undefined ? rest : { ...rest, topicName: urlGroup };
}

/** The query of a bulk call. What names nothing is refused: the server would take it for everything. */
export function writeBulkQuery(request: object, ids: 'messageIds' | 'dlqIds'): Query {
  const given = request as Query & { filter?: object; all?: unknown };
  if (given[ids] !== undefined) return { [ids]: given[ids] };
  const filter = writeFilter(given.filter);
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if (given.all !== true && !isFiltered) {
    throw new QstashValidationError(`Give ${ids}, a filter with at least one field, or all: true`);
  }
  return { ...(given.all === true ? {} : filter), cursor: given['cursor'], count: given['count'] ?? 100 };
}
