import type { EventView } from '@posthorn/shared';
import { decodeBase64 } from './format.ts';

/** A message that is to be sent, as the form has it. */
export interface SendOptions {
  method: string;
  destination: string;
  body: string;
  contentType: string;
  delay: string;
  retries: string;
  timeout: string;
  label: string;
  queue: string;
  flowControlKey: string;
  flowControlValue: string;
  deduplicationId: string;
  callback: string;
  failureCallback: string;
  /** Headers that go along with the delivery. */
  headers: { name: string; value: string }[];
}

export const emptyOptions = (): SendOptions => ({
  method: 'POST',
  destination: '',
  body: '',
  contentType: '',
  delay: '',
  retries: '',
  timeout: '',
  label: '',
  queue: '',
  flowControlKey: '',
  flowControlValue: '',
  deduplicationId: '',
  callback: '',
  failureCallback: '',
  headers: [],
});

/** The message of a log as a form. What was hidden in the log cannot be sent again. */
export function readOptions(line: EventView): SendOptions {
  const { 'Content-Type': types, ...header } = line.header ?? {};
  const limits = [
    line.parallelism === undefined ? '' : `parallelism=${line.parallelism}`,
    line.rate === undefined ? '' : `rate=${line.rate}`,
    line.rate === undefined || line.period === undefined ? '' : `period=${line.period}`,
  ];
  return {
    ...emptyOptions(),
    method: line.method,
    destination: line.url,
    body: line.body === undefined || line.body.startsWith('REDACTED:') ? '' : readText(line.body),
    contentType: types?.[0] ?? '',
    retries: String(line.maxRetries),
    timeout: '',
    label: (line.labels ?? []).join(','),
    queue: line.queueName ?? '',
    flowControlKey: line.flowControlKey ?? '',
    flowControlValue: limits.filter(Boolean).join(', '),
    callback: line.callback ?? '',
    failureCallback: line.failureCallback ?? '',
    headers: Object.entries(header).flatMap(([name, values]) => values.map((value) => ({ name, value }))),
  };
}

function readText(base64: string): string {
  try {
    return new TextDecoder().decode(decodeBase64(base64));
  } catch {
    return '';
  }
}

/** The path and the headers of the request that publishes the message. */
export function formatRequest(options: SendOptions): { path: string; headers: [string, string][] } {
  const { destination, queue } = options;
  const optional: [string, string][] = [
    ['Content-Type', options.contentType],
    ['Upstash-Delay', options.delay],
    ['Upstash-Retries', options.retries],
    ['Upstash-Timeout', options.timeout],
    ['Upstash-Label', options.label],
    ['Upstash-Flow-Control-Key', options.flowControlKey],
    ['Upstash-Flow-Control-Value', options.flowControlKey === '' ? '' : options.flowControlValue || 'parallelism=10'],
    ['Upstash-Deduplication-Id', options.deduplicationId],
    ['Upstash-Callback', options.callback],
    ['Upstash-Failure-Callback', options.failureCallback],
  ];
  return {
    path: queue === '' ? `/v2/publish/${destination}` : `/v2/enqueue/${encodeURIComponent(queue)}/${destination}`,
    headers: [
      ...(options.method === 'POST' ? [] : [['Upstash-Method', options.method] as [string, string]]),
      ...optional.filter(([, value]) => value !== ''),
      ...options.headers
        .filter(({ name }) => name.trim() !== '')
        .map(({ name, value }): [string, string] => [`Upstash-Forward-${name.trim()}`, value]),
    ],
  };
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

/** The same with the SDK. */
export function formatTypeScript(options: SendOptions): string {
  const { headers } = formatRequest(options);
  const call =
    options.queue === '' ? 'client.publish' : `client.queue({ queueName: ${JSON.stringify(options.queue)} }).enqueue`;
  const fields = [
    `url: ${JSON.stringify(options.destination)}`,
    ...(options.body === '' ? [] : [`body: ${JSON.stringify(options.body)}`]),
    ...(headers.length === 0
      ? []
      : [`headers: ${JSON.stringify(Object.fromEntries(headers), null, 2).replaceAll('\n', '\n  ')}`]),
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
    ...headers.map(([name, value]) => `        ${JSON.stringify(name)}: ${JSON.stringify(value)},`),
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
