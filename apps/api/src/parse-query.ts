import { parse, unescape } from 'node:querystring';
import { decodeHeaderText, decodePercent } from '@posthorn/shared';

/**
 * The parameters of a query, for filters. Their bytes are read as those of headers are, so that a message is found by the
 * text that it was published with. Whatever is not a valid percent-encoding stays as it is written. There may be any number
 * of parameters: a filter that is left out would widen what a call means. The request target has a limit.
 */
export function parseQuery(query: string): Record<string, string | string[] | undefined> {
  return parse(query, '&', '=', {
    maxKeys: 0,
    decodeURIComponent: (text) => decodeHeaderText(decodePercent(text) ?? unescape(text)),
  });
}
