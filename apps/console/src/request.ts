import type { LogEntryView } from '@posthorn/shared';
import { formatDestination } from '@posthorn/shared/format-destination';
import { decodeBody, formatBody, isHidden } from './format.ts';

/** A message that is to be sent, as the form has it. */
export interface SendOptions {
  method: string;
  destination: string;
  body: string;
  contentType: string;
  delay: string;
  notBefore: string;
  retries: string;
  retryDelay: string;
  timeout: string;
  label: string;
  queue: string;
  flowControlKey: string;
  flowControlValue: string;
  deduplicationId: string;
  contentBasedDeduplication: boolean;
  redactFields: string;
  callback: string;
  failureCallback: string;
  /** Headers that go along with the delivery. */
  headers: { name: string; value: string }[];
  /** Headers that go along with the callbacks, under the names of the API. */
  callbackHeaders: { name: string; value: string }[];
}

export const emptyOptions = (): SendOptions => ({
  method: 'POST',
  destination: '',
  body: '',
  contentType: '',
  delay: '',
  notBefore: '',
  retries: '',
  retryDelay: '',
  timeout: '',
  label: '',
  queue: '',
  flowControlKey: '',
  flowControlValue: '',
  deduplicationId: '',
  contentBasedDeduplication: false,
  redactFields: '',
  callback: '',
  failureCallback: '',
  headers: [],
  callbackHeaders: [],
});

type Header = Record<string, string[]>;

const listHeaders = (header: Header = {}, prefix = '') =>
  Object.entries(header).flatMap(([name, values]) => values.map((value) => ({ name: prefix + name, value })));
const isShown = ({ value }: { value: string }) => !isHidden(value);

/** The message of a log as a form, without what `readGaps` tells of. */
export function readOptions(entry: LogEntryView): SendOptions {
  const { 'Content-Type': types, ...header } = entry.header ?? {};
  const limits = [
    entry.parallelism === undefined ? '' : `parallelism=${entry.parallelism}`,
    entry.rate === undefined ? '' : `rate=${entry.rate}`,
    entry.rate === undefined || entry.period === undefined ? '' : `period=${entry.period}`,
  ];
  return {
    ...emptyOptions(),
    method: entry.method,
    destination: entry.url,
    body: readBody(entry).text,
    contentType: types?.[0] ?? '',
    retries: String(entry.maxRetries),
    retryDelay: entry.retryDelayExpression ?? '',
    timeout: entry.timeout === undefined ? '' : `${entry.timeout / 1000}s`,
    label: (entry.labels ?? []).join(','),
    queue: entry.queueName ?? '',
    flowControlKey: entry.flowControlKey ?? '',
    flowControlValue: limits.filter(Boolean).join(', '),
    callback: entry.callback ?? '',
    failureCallback: entry.failureCallback ?? '',
    headers: listHeaders(header).filter(isShown),
    callbackHeaders: [
      ...listHeaders(entry.callbackHeaders, 'Upstash-Callback-Forward-'),
      ...listHeaders(entry.failureCallbackHeaders, 'Upstash-Failure-Callback-Forward-'),
    ].filter(isShown),
  };
}

/** Sentences about what of a message cannot be sent again, because the log does not have it or a text cannot hold it. */
export function readGaps(entry: LogEntryView): string[] {
  const { fault } = readBody(entry);
  const headers = [entry.header, entry.callbackHeaders, entry.failureCallbackHeaders].flatMap((one) =>
    listHeaders(one),
  );
  return [
    ...(fault === undefined ? [] : [`The body is left out: it is ${fault}.`]),
    ...(headers.every(isShown) ? [] : ['Headers whose values the publisher has hidden are left out.']),
  ];
}

function readBody({ body, bodyTruncated }: LogEntryView): { text: string; fault?: string } {
  if (bodyTruncated) return { text: '', fault: 'too large to be in the log as a whole' };
  if (body === undefined) return { text: '' };
  if (isHidden(body)) return { text: '', fault: 'hidden by its publisher' };
  const bytes = decodeBody(body);
  if (formatBody(bytes).kind === 'hex') return { text: '', fault: 'binary' };
  return { text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) };
}

/** What a body is without a content type: otherwise each client would send another one. */
const defaultType = 'text/plain; charset=utf-8';

/** Options of callbacks have no field of their own: they are sent under their own names, all other headers go along. */
const isCallbackOption = (name: string) => /^upstash-(failure-)?callback-/i.test(name);

/** The path and the headers of the request that publishes the message. */
export function formatRequest(options: SendOptions): { path: string; headers: [string, string][] } {
  const { queue } = options;
  const destination = formatDestination(options.destination);
  const optional: [string, string][] = [
    ['Content-Type', options.contentType || (options.body === '' ? '' : defaultType)],
    ['Upstash-Delay', options.delay],
    ['Upstash-Not-Before', options.notBefore],
    ['Upstash-Retries', options.retries],
    ['Upstash-Retry-Delay', options.retryDelay],
    ['Upstash-Timeout', options.timeout],
    ['Upstash-Label', options.label],
    ['Upstash-Flow-Control-Key', options.flowControlKey],
    ['Upstash-Flow-Control-Value', options.flowControlValue],
    ['Upstash-Deduplication-Id', options.deduplicationId],
    ['Upstash-Content-Based-Deduplication', options.contentBasedDeduplication ? 'true' : ''],
    ['Upstash-Redact-Fields', options.redactFields],
    ['Upstash-Callback', options.callback],
    ['Upstash-Failure-Callback', options.failureCallback],
  ];
  return {
    path: queue === '' ? `/v2/publish/${destination}` : `/v2/enqueue/${encodeURIComponent(queue)}/${destination}`,
    headers: [
      ...(options.method === 'POST' ? [] : [['Upstash-Method', options.method] as [string, string]]),
      ...optional.filter(([, value]) => value !== ''),
      ...options.headers
        .map(({ name, value }): [string, string] => [name.trim(), value])
        .filter(([name]) => name !== '')
        .map(([name, value]): [string, string] => [isCallbackOption(name) ? name : `Upstash-Forward-${name}`, value]),
      ...options.callbackHeaders.map(({ name, value }): [string, string] => [name, value]),
    ],
  };
}

/** Headers for languages that take one value for a name: those of one name become a list, as HTTP allows. */
function joinHeaders(headers: readonly (readonly [string, string])[]): [string, string][] {
  const joined = new Map<string, [string, string]>();
  for (const [name, value] of headers) {
    const [first, before] = joined.get(name.toLowerCase()) ?? [name];
    joined.set(name.toLowerCase(), [first, before === undefined ? value : `${before}, ${value}`]);
  }
  return [...joined.values()];
}

const quoteShell = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The same request for a shell; the token comes from a variable. */
export function formatCurl(options: SendOptions): string {
  const { path, headers } = formatRequest(options);
  const lines = [
    `curl -X POST ${quoteShell(location.origin + path)}`,
    '-H "Authorization: Bearer $QSTASH_TOKEN"',
    ...headers.map(([name, value]) => `-H ${quoteShell(`${name}: ${value}`)}`),
    ...(options.body === '' ? [] : [`--data-raw ${quoteShell(options.body)}`]),
  ];
  return lines.join(' \\\n  ');
}

/** Whether a destination is the name of a URL group. */
const isGroup = (destination: string) => destination !== '' && !/^https?:/i.test(destination);

/** The same with the SDK. */
export function formatTypeScript(options: SendOptions): string {
  const { headers } = formatRequest(options);
  const call =
    options.queue === '' ? 'client.publish' : `client.queue({ queueName: ${JSON.stringify(options.queue)} }).enqueue`;
  const fields = [
    `${isGroup(options.destination) ? 'urlGroup' : 'url'}: ${JSON.stringify(options.destination)}`,
    ...(options.body === '' ? [] : [`body: ${JSON.stringify(options.body)}`]),
    ...(headers.length === 0
      ? []
      : [`headers: ${JSON.stringify(Object.fromEntries(joinHeaders(headers)), null, 2).replaceAll('\n', '\n  ')}`]),
  ];
  return [
    "import { Client } from '@posthorn/sdk';",
    '',
    `const client = new Client({ baseUrl: ${JSON.stringify(location.origin)}, token: process.env.QSTASH_TOKEN });`,
    `await ${call}({\n  ${fields.join(',\n  ')},\n});`,
  ].join('\n');
}

/** The same with what Python brings along. */
export function formatPython(options: SendOptions): string {
  const { path, headers } = formatRequest(options);
  const lines = [
    'import os, urllib.request',
    '',
    'request = urllib.request.Request(',
    `    ${JSON.stringify(location.origin + path)},`,
    '    method="POST",',
    ...(options.body === '' ? [] : [`    data=${JSON.stringify(options.body)}.encode(),`]),
    '    headers={',
    '        "Authorization": "Bearer " + os.environ["QSTASH_TOKEN"],',
    ...joinHeaders(headers).map(([name, value]) => `        ${JSON.stringify(name)}: ${JSON.stringify(value)},`),
    '    },',
    ')',
    'print(urllib.request.urlopen(request).read().decode())',
  ];
  return lines.join('\n');
}

/** A header travels as bytes: text beyond ASCII goes as its UTF-8. */
export function encodeHeader(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text));
}
