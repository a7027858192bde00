import { QstashValidationError } from './errors.ts';

/**
 * One segment of a path. An empty one would make the path that of the whole collection, and one of dots that of
 * another: both are refused before anything is sent.
 *
 * @param what begins the sentence about a wrong value
 */
export function formatSegment(value: string, what: string): string {
  if (!value) throw new QstashValidationError(`${what} cannot be empty`);
  if (/^\.\.?$/.test(value)) throw new QstashValidationError(`${what} cannot be '${value}'`);
  return encodeURIComponent(value);
}
