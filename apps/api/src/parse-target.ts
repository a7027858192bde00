/**
 * The request target in origin form, `/path?query`, so that everything after the server sees one form only (RFC 9112
 * section 3.2). Clients of a proxy send the absolute form: its scheme must be http or https and its authority must not
 * be empty.
 *
 * @returns `undefined` for a target in any other form
 */
export function parseTarget(target: string): string | undefined {
  if (target.startsWith('/')) return target;
  const rest = /^https?:\/\/[^/?#]+(.*)$/is.exec(target)?.[1];
  if (rest === undefined) return undefined;
  return rest.startsWith('/') ? rest : `/${rest}`;
}
