import { encodeHeaderText, type HeaderMap } from '@posthorn/shared';

/** Names and values in turn of an object from JSON whose values are texts or lists of them; anything else is left out. */
export function listHeaderMap(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, values]) =>
    [values as unknown].flat().flatMap((text) => (typeof text === 'string' ? [name, encodeHeaderText(text)] : [])),
  );
}

/**
 * Those headers of a request that are meant for later messages of a run: its options and the content type. A request also
 * carries its token, which must never be stored.
 */
export function keepPublishHeaders(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (/^(upstash-.+|content-type)$/i.test(name)) kept.push(name, headers[index + 1] ?? '');
  }
  return kept;
}

/** Headers as an object, each name once and with all of its values. */
export function toHeaderMap(headers: readonly string[]): HeaderMap {
  const valuesByName = new Map<string, string[]>();
  const spellings = new Map<string, string>();
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const given = headers[index] ?? '';
    const name = spellings.get(given.toLowerCase()) ?? given;
    spellings.set(given.toLowerCase(), name);
    const values = valuesByName.get(name) ?? [];
    values.push(headers[index + 1] ?? '');
    valuesByName.set(name, values);
  }
  return Object.fromEntries(valuesByName);
}
