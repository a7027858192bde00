import { QstashValidationError } from './errors.ts';
import type { Query } from './http.ts';
import { formatSegment } from './path.ts';

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
export function formatFilter(filter: object = {}): Query {
  const { urlGroup, ...rest } = filter as Query;
  return urlGroup === undefined ? rest : { ...rest, topicName: urlGroup };
}

/** What a bulk call means, as its request has it. */
export interface Selection {
  query: Query;
  /** A second copy of "delete 100 of them" would delete 100 more. */
  isRepeatable: boolean;
}

/**
 * What a bulk call means; `undefined` for an empty list of ids, which is nothing to do. What names nothing is refused: the
 * server would take it for everything. Only `all: true` means all, and never beside a filter.
 *
 * @param ids the name of the query parameter for ids
 */
export function formatSelection(request: object, ids: string): Selection | undefined {
  if (isList(request) && request.length === 0) return undefined;
  const given = (isList(request) ? { [ids]: request } : request) as Query & { filter?: object; all?: unknown };
  if (given[ids] !== undefined) {
    for (const id of [given[ids]].flat()) formatSegment(String(id), 'An id');
    return { query: { [ids]: given[ids] }, isRepeatable: true };
  }
  const filter = formatFilter(given.filter);
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  if (isFiltered === (given.all === true)) {
    throw new QstashValidationError(`Give ${ids}, a filter with at least one field, or all: true`);
  }
  const { cursor, count = 100 } = given;
  return { query: { ...filter, cursor, count }, isRepeatable: false };
}

/** `Array.isArray` does not know lists that cannot be written to. */
export function isList(value: object): value is readonly string[] {
  return Array.isArray(value);
}
