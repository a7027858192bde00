/** What of a message is shown as a hash only (contract H17). */
export interface Redaction {
  body: boolean;
  /** Every forwarded header, or those with these names in lower case. */
  headers: 'all' | string[];
}

/** Parses a value such as `body, header[Authorization]`; `undefined` for any other text. */
export function parseRedaction(text: string): Redaction | undefined {
  const redaction: Redaction = { body: false, headers: [] };
  for (const item of text.split(',')) {
    const field = item.trim();
    const name = /^headers?\[\s*([^\][\s]+)\s*\]$/i.exec(field)?.[1];
    if (name !== undefined) {
      if (redaction.headers !== 'all') redaction.headers.push(name.toLowerCase());
    } else if (/^headers?$/i.test(field)) redaction.headers = 'all';
    else if (/^body$/i.test(field)) redaction.body = true;
    else if (field !== '') return undefined;
  }
  return redaction.body || redaction.headers.length > 0 ? redaction : undefined;
}

export function formatRedaction({ body, headers }: Redaction): string {
  const shown = headers === 'all' ? ['header'] : headers.map((name) => `header[${name}]`);
  return [...(body ? ['body'] : []), ...shown].join(',');
}
