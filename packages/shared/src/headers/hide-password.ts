/** What a reader sees in place of a password. */
const hidden = '***';

/** A URL as every view, log entry and callback shows it: without its password. Delivery keeps it. */
export function hidePassword(url: string): string {
  return url.includes('@') ? url.replace(/^(https?:\/\/[^/?:@]*:)[^/?@]+(?=@)/i, `$1${hidden}`) : url;
}

/** Whether a URL was copied from a view: its password is missing. */
export function hasHiddenPassword(url: string): boolean {
  return url.includes(`:${hidden}@`) && hidePassword(url) === url;
}
