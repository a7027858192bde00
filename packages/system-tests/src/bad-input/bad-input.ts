/**
 * One request that is wrong, hostile or only strange, and the response that it must get. In texts, `${DEST}` stands for a
 * receiver, `${TOKEN}` for a token that may do everything, `${READER}` for one that may only read.
 */
export interface BadInput {
  /** What is strange about it. */
  name: string;
  /** One of these. */
  status: number | readonly number[];
  /** What is written to the socket, where it is not a request as HTTP wants it. */
  bytes?: string;
  method?: string;
  path?: string;
  /** Besides the token. */
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Has no token. */
  anonymous?: true;
  /** Is sent to an API that refuses private addresses. */
  guarded?: true;
  /** The sender says that nothing more will come. */
  end?: true;
  /** It is accepted and delivered with its body as it is, with this path behind the receiver, with and without a header. */
  arrives?: { path?: string; header?: [string, string]; without?: [string, string] };
}

export function call(
  method: string,
  path: string,
  status: BadInput['status'],
  name: string,
  more: Partial<BadInput> = {},
): BadInput {
  return { name, method, path, status, ...(method === 'POST' && !('body' in more) ? { body: '{}' } : {}), ...more };
}

/** A publish with these headers. */
export function option(headers: Record<string, string>, status: BadInput['status'], name: string): BadInput {
  return call('POST', '/v2/publish/${DEST}/echo', status, name, { headers });
}

/** A schedule with these headers. */
export function schedule(headers: Record<string, string>, status: BadInput['status'], name: string): BadInput {
  return call('POST', '/v2/schedules/${DEST}/cron', status, name, { headers });
}

export interface Surroundings {
  receiver: string;
  token: string;
  reader: string;
}

/** The bytes of the request. Header values are written as Latin-1, as clients do. */
export function writeRequest(input: BadInput, { receiver, token, reader }: Surroundings): Buffer {
  const fill = (text: string) =>
    text.replaceAll('${DEST}', receiver).replaceAll('${TOKEN}', token).replaceAll('${READER}', reader);
  if (input.bytes !== undefined) return Buffer.from(fill(input.bytes), 'latin1');

  const body = Buffer.isBuffer(input.body) ? input.body : Buffer.from(fill(input.body ?? ''));
  const headers = {
    Host: 'posthorn',
    ...(input.anonymous ? {} : { Authorization: 'Bearer ${TOKEN}' }),
    ...input.headers,
    'Content-Length': String(body.length),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${fill(value)}\r\n`);
  const head = `${input.method ?? 'GET'} ${fill(input.path ?? '/')} HTTP/1.1\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}
