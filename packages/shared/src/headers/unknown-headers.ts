import { findNearest } from '../contract/nearest.ts';
import { callbackForwardPrefix, failureCallbackForwardPrefix, forwardPrefix, prefix } from './names.ts';
import { publishHeaders } from './publish-options.ts';

const known = new Map(publishHeaders.map(({ name }) => [name.toLowerCase(), name]));
const lowerPrefix = prefix.toLowerCase();
const forwardPrefixes = [forwardPrefix, callbackForwardPrefix, failureCallbackForwardPrefix];

/** What SDKs send, and what a destination gets and may send back: it means nothing here and is no mistake. */
const harmless =
  /^upstash-(telemetry-.+|workflow-.+|feature-set|signature|message-id|retried|topic-name|caller-ip|region|nonretryable-error)$/;
/** SDKs send any header of a callback behind these; only what looks like an option is a mistake. */
const callbackPrefix = /^upstash-(failure-)?callback-/;

const maxWarnings = 5;

/**
 * A sentence about each `Upstash-*` header that is no option, and so does nothing, with the name that was probably meant.
 * The wire format wants such headers to be accepted (contract T8).
 *
 * @param headers names and values in turn
 */
export function warnOfUnknownHeaders(headers: readonly string[]): string[] {
  const warnings = new Set<string>();
  for (let index = 0; index < headers.length && warnings.size < maxWarnings; index += 2) {
    const name = headers[index] ?? '';
    // Most headers of a request are not ours; the first letter tells most of them apart without a copy.
    if (!name.startsWith('U') && !name.startsWith('u')) continue;
    const lowerName = name.toLowerCase();
    if (known.has(lowerName) || !lowerName.startsWith(lowerPrefix) || !/^[a-z0-9-]{1,60}$/.test(lowerName)) continue;
    if (harmless.test(lowerName) || forwardPrefixes.some((start) => lowerName.startsWith(start))) continue;
    const nearest = findNearest(lowerName.slice(lowerPrefix.length), options.keys());
    const meant = nearest === undefined ? undefined : options.get(nearest);
    if (callbackPrefix.test(lowerName) && meant === undefined) continue;
    warnings.add(`${name} is not known and was ignored${meant === undefined ? '.' : `; did you mean ${meant}?`}`);
  }
  return [...warnings];
}

/** Names without the common prefix, which would make all of them alike. */
const options = new Map([
  ...Array.from(known, ([lowerName, name]) => [lowerName.slice(lowerPrefix.length), name] as const),
  ['forward-', `${prefix}Forward-<Name>`] as const,
]);
