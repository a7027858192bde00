import { gzipSync } from 'node:zlib';
import { call, type BadInput } from '../bad-input.ts';

export const bodies: BadInput[] = [
  call('POST', '/v2/publish/${DEST}/echo', 413, 'one byte over the default limit of 10 MiB', {
    body: 'x'.repeat(10485761),
  }),
  call(
    'POST',
    '/v2/publish/${DEST}/echo',
    200,
    'invalid JSON with a JSON content type: the body is opaque and must pass unchanged',
    { headers: { 'Content-Type': 'application/json' }, body: '{"a":', arrives: {} },
  ),
  call('POST', '/v2/publish/${DEST}/echo', 200, 'binary with every byte value', {
    headers: { 'Content-Type': 'application/octet-stream' },
    body: Buffer.from('000102030405060708090a0b0c0d0e0f7f8081fffefdc3280d0a00', 'hex'),
    arrives: {},
  }),
  call('POST', '/v2/publish/${DEST}/echo', 200, 'UTF-8 BOM must survive', { body: '\ufeff{}', arrives: {} }),
  call('POST', '/v2/publish/${DEST}/echo', 200, '__proto__ key in an opaque body', {
    body: '{"__proto__":{"polluted":true}}',
    arrives: {},
  }),
  call(
    'POST',
    '/v2/publish/${DEST}/echo',
    200,
    'declared charset unknown: body is opaque, must not answer 415 on publish',
    { headers: { 'Content-Type': 'application/json; charset=utf-99' }, arrives: {} },
  ),
  call('POST', '/v2/publish/${DEST}/echo', 200, 'garbage Content-Type', {
    headers: { 'Content-Type': ';;;' },
    body: 'abc',
  }),
  call('POST', '/v2/publish/${DEST}/echo', 200, 'gzip bomb (200 MB of zeros in 200 kB): memory stays flat', {
    headers: { 'Content-Encoding': 'gzip' },
    body: gzipSync(Buffer.alloc(20_000_000)),
  }),
  call('POST', '/v2/publish/${DEST}/echo', 200, 'form body is opaque', {
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'a=1&'.repeat(50000),
    arrives: {},
  }),
  call('POST', '/v2/publish/${DEST}/echo', 200, 'stored-XSS body', {
    headers: { 'Content-Type': 'text/html' },
    body: '<img src=x onerror=alert(1)><script>alert(1)</script>',
    arrives: {},
  }),
  call('POST', '/v2/publish/${DEST}/echo', 200, 'terminal escape sequence must be neutralised in text logs', {
    body: '\u001b]0;pwned\u0007\u001b[2J',
  }),
  call('POST', '/v2/batch', 400, 'batch: empty body', { body: '' }),
  call('POST', '/v2/batch', 400, 'batch: null', { body: 'null' }),
  call('POST', '/v2/batch', 400, 'batch: string', { body: '"x"' }),
  call('POST', '/v2/batch', 400, 'batch: boolean', { body: 'true' }),
  call('POST', '/v2/batch', 400, 'batch: number item', { body: '[1]' }),
  call('POST', '/v2/batch', 400, 'batch: item without destination', { body: '[{}]' }),
  call('POST', '/v2/batch', 400, 'batch: number destination', { body: '[{"destination":123}]' }),
  call('POST', '/v2/batch', 400, 'batch: object destination', { body: '[{"destination":{}}]' }),
  call('POST', '/v2/batch', 400, 'batch: single quotes', { body: "[{'destination':'x'}]" }),
  call('POST', '/v2/batch', 400, 'batch: NaN', { body: 'NaN' }),
  call('POST', '/v2/batch', 400, 'empty batch', { body: '[]' }),
  call('POST', '/v2/batch', 400, 'NUL in a header value from JSON', {
    body: '[{"destination":"${DEST}/ok","headers":{"Upstash-Forward-X":"a\\u0000b"}}]',
  }),
  call('POST', '/v2/batch', 400, 'BEL in a label from JSON', {
    body: '[{"destination":"${DEST}/ok","headers":{"Upstash-Label":"a\\u0007b"}}]',
  }),
  call('POST', '/v2/batch', 400, 'NUL in a flow-control key from JSON', {
    body: '[{"destination":"${DEST}/ok","headers":{"Upstash-Flow-Control-Key":"a\\u0000b","Upstash-Flow-Control-Value":"rate=1"}}]',
  }),
  call('POST', '/v2/batch', 400, 'CR/LF in a header name', {
    body: '[{"destination":"${DEST}/ok","headers":{"Upstash-Forward-X: y\\r\\nZ":"1"}}]',
  }),
  call('POST', '/v2/batch', 400, 'headers as an array', { body: '[{"destination":"${DEST}/ok","headers":[]}]' }),
  call('POST', '/v2/batch', 400, 'object where a string is due', {
    body: '[{"destination":"${DEST}/ok","headers":{"Upstash-Delay":{"a":1}}}]',
  }),
  call('POST', '/v2/batch', 200, 'prototype pollution through the item', {
    body: '[{"destination":"${DEST}/ok","__proto__":{"queue":"x"},"constructor":{"prototype":{"polluted":1}}}]',
  }),
  call('POST', '/v2/batch', 200, 'body as an object: refuse or stringify, documented', {
    body: '[{"destination":"${DEST}/ok","body":{"a":1}}]',
  }),
  call('POST', '/v2/batch', 200, 'empty queue name', { body: '[{"destination":"${DEST}/ok","queue":""}]' }),
  call('POST', '/v2/batch', 400, 'operator object', { body: '[{"destination":"${DEST}/ok","queue":{"$gt":""}}]' }),
  call('POST', '/v2/batch', 413, 'batch body above the limit', { body: ' '.repeat(1024 * 1024 + 1) }),
  call(
    'POST',
    '/v2/batch',
    200,
    'text/plain batch: parse anyway or refuse; never 500 because body is undefined (Express leaves req.body undefined)',
    { headers: { 'Content-Type': 'text/plain' }, body: '[{"destination":"${DEST}/ok"}]' },
  ),
  call('POST', '/v2/batch', 404, 'one bad item (no such URL group): the whole call is refused and nothing is created', {
    body: '[{"destination":"${DEST}/ok"},{"destination":"bad"},{"destination":"${DEST}/ok"}]',
  }),
  call('POST', '/v2/queues', 400, 'queue upsert: negative', { body: '{"queueName":"q","parallelism":-1}' }),
  call('POST', '/v2/queues', 400, 'queue upsert: number as text', { body: '{"queueName":"q","parallelism":"2"}' }),
  call('POST', '/v2/queues', 412, 'queue upsert: absurd', { body: '{"queueName":"q","parallelism":1000000000}' }),
  call('POST', '/v2/queues', 400, 'queue upsert: empty name', { body: '{"queueName":"","parallelism":1}' }),
  call('POST', '/v2/queues', 400, "queue upsert: colon (BullMQ queue names may not contain ':')", {
    body: '{"queueName":"a:b","parallelism":1}',
  }),
  call('POST', '/v2/queues', 400, 'queue upsert: markup', { body: '{"queueName":"<b>","parallelism":1}' }),
  call('POST', '/v2/queues', 400, 'queue upsert: non-ASCII letter', { body: '{"queueName":"\u0444","parallelism":1}' }),
  call('POST', '/v2/queues', 400, 'queue upsert: object', { body: '{"queueName":{"a":1},"parallelism":1}' }),
  call('POST', '/v2/queues', 200, 'queue upsert: allowed characters, dangerous key', {
    body: '{"queueName":"__proto__","parallelism":1}',
  }),
  call('POST', '/v2/queues', 200, 'queue upsert: two dots: fetch() would normalise /v2/queues/.. away', {
    body: '{"queueName":"..","parallelism":1}',
  }),
  call('POST', '/v2/queues', 400, 'queue upsert: array', { body: '[]' }),
  call('POST', '/v2/queues', 400, 'queue upsert: truncated', { body: '{' }),
  call('POST', '/v2/topics/bad-in/endpoints', 400, 'URL group: endpoints missing'),
  call('POST', '/v2/topics/bad-in/endpoints', 400, 'URL group: object', { body: '{"endpoints":{}}' }),
  call('POST', '/v2/topics/bad-in/endpoints', 400, 'URL group: null item', { body: '{"endpoints":[null]}' }),
  call('POST', '/v2/topics/bad-in/endpoints', 400, 'URL group: number url', { body: '{"endpoints":[{"url":5}]}' }),
  call('POST', '/v2/topics/bad-in/endpoints', 400, 'URL group: script URL shown as a link in the console', {
    body: '{"endpoints":[{"url":"javascript:alert(1)"}]}',
  }),
  call('POST', '/v2/topics/bad-in/endpoints', 400, 'URL group: object name', {
    body: '{"endpoints":[{"url":"${DEST}/a","name":{"a":1}}]}',
  }),
  call('POST', '/v2/topics/bad%20name/endpoints', 400, 'URL-group name with a space', {
    body: '{"endpoints":[{"url":"${DEST}/a"}]}',
  }),
  call('DELETE', '/v2/topics/no-such/endpoints', 404, 'delete endpoint of an unknown group', {
    body: '{"endpoints":[{"name":"x"}]}',
  }),
];
