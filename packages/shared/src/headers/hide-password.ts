/** What a reader sees in place of a password. */
const hidden = '***';

/**
 * A URL as every view, log entry and callback shows it: without its password, or without its user where there is no
 * password, since tokens are written there, too (contract P5). Delivery keeps both.
 */
export function hidePassword(url: string): string {
  if (!url.includes('@')) return url;
  return url.replace(
    /^(https?:\/\/)([^/?:@]*)(?::([^/?@]*))?@/i,
    (whole, scheme: string, user: string, password = '') => {
      if (password !== '') return `${scheme}${user}:${hidden}@`;
      return user === '' ? whole : `${scheme}${hidden}@`;
    },
  );
}

/** Whether a URL was copied from a view: its password, or its user, is missing. */
export function hasHiddenPassword(url: string): boolean {
  return /^https?:\/\/(?:[^/?:@]*:)?\*{3}@/i.test(url);
}
