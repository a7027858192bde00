/** Scheme, host and port of a URL, as its text has them. */
export function originOf(url: string): string {
  const end = url.slice(8).search(/[/?]/);
  return (end < 0 ? url : url.slice(0, end + 8)).toLowerCase();
}

/** A URL without its query, which may differ with each message. */
export function withoutQuery(url: string): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

/** An address, or the last two labels of a host name: more ports and subdomains cost their owner nothing. */
export function siteOf(url: string): string {
  const authority = /^https?:\/\/(?:[^/?@]*@)?(\[[^\]]*\]|[^/?:]*)/i.exec(url)?.[1]?.toLowerCase() ?? '';
  const host = authority.replace(/\.$/, '');
  if (host.startsWith('[') || /^[\d.]+$/.test(host)) return host;
  return host.split('.').slice(-2).join('.');
}
