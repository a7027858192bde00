import { call, type BadInput } from '../bad-input.ts';

const long = 'x'.repeat(257);

export const nouns: BadInput[] = [
  call('GET', `/v2/queues/${long}`, 400, 'queue name of 257 characters'),
  call('GET', '/v2/queues/a%20b', 400, 'queue name with a blank'),
  call('GET', '/v2/queues/%C3%BC', 400, 'queue name with a letter that is not ASCII'),
  call('GET', '/v2/queues/valueOf', 404, 'queue with the name of an inherited property'),
  call('GET', '/v2/queues/constructor', 404, 'queue with the name of an inherited function'),
  call('DELETE', '/v2/queues/a%2Fb', 400, 'queue name with an encoded slash'),
  call('POST', '/v2/queues/toString/pause', 404, 'pause of a queue with an inherited name'),
  call('POST', '/v2/queues/no-such/resume', 404, 'resume of an unknown queue'),
  call('POST', '/v2/queues', 400, 'queue without a name', { body: '{"parallelism":1}' }),
  call('POST', '/v2/queues', 400, 'parallelism that is no whole number', {
    body: '{"queueName":"q","parallelism":1.5}',
  }),
  call('POST', '/v2/queues', 400, 'parallelism beyond any number', { body: '{"queueName":"q","parallelism":1e999}' }),
  call('POST', '/v2/queues', 400, 'paused as a text', { body: '{"queueName":"q","paused":"yes"}' }),
  call('POST', '/v2/queues', 400, 'the body nested 10,000 deep', { body: '['.repeat(10_000) + ']'.repeat(10_000) }),
  call('POST', '/v2/queues', 413, 'a body of 2 MiB for a queue', { body: ' '.repeat(2 * 1024 * 1024) }),
  call('POST', '/v2/enqueue/a%20b/${DEST}/ok', 400, 'enqueue into a queue with a blank in its name'),
  call('POST', '/v2/enqueue/%/${DEST}/ok', 400, 'enqueue into a queue whose percent-encoding is broken'),
  call('POST', '/v2/enqueue/q', 400, 'enqueue without a destination'),
  call('POST', '/v2/enqueue/', 400, 'enqueue without anything'),
  call('POST', `/v2/enqueue/${long}/\${DEST}/ok`, 400, 'enqueue into a queue with a name of 257 characters'),

  call('GET', `/v2/flowControl/${long}`, 400, 'flow-control key of 257 characters'),
  call('POST', '/v2/flowControl//pause', 400, 'no flow-control key'),
  call('POST', '/v2/flowControl/a%00b/pause', 400, 'flow-control key with a NUL'),
  call('GET', '/v2/flowControl/__proto__', 404, 'flow-control key with the name of an inherited property'),
  call('GET', '/v2/flowControl/%E0%A4%A', 400, 'flow-control key with a broken percent-encoding'),
  call('GET', '/v2/flowControl?search=%00', 200, 'search for a NUL'),
  call('GET', '/v2/flowControl?search=a&search=b', 400, 'two searches'),
  call('GET', '/v2/flowControl?search=%5B%5D*%3F', 200, 'a pattern in a search is text'),
  ...[
    ['rate=0', 'a rate of zero'],
    ['rate=1e3', 'a rate with an exponent'],
    ['rate=99999999999999999999', 'a rate beyond any number'],
    ['parallelism=', 'an empty parallelism'],
    ['parallelism=-1', 'a negative parallelism'],
    ['parallelism=1&parallelism=2', 'two parallelisms'],
    ['parallelism=0x10', 'a parallelism in hex'],
    ['period=60', 'a period without a rate'],
    ['rate=1&period=604801', 'a period above a week'],
    ['rate=1&period=1m', 'a period with a unit'],
    ['', 'nothing to pin'],
  ].map(([query = '', name = '']) => call('POST', `/v2/flowControl/bad-input/pin?${query}`, 400, `pin: ${name}`)),
  call('POST', '/v2/flowControl/bad-input/unpin?rate=yes', 400, 'unpin: not a boolean'),
  call('POST', '/v2/flowControl/bad-input/unpin?rate=true&rate=false', 400, 'unpin: two values'),
  call('POST', '/v2/flowControl/bad-input/explode', 404, 'an action that does not exist'),
  call('GET', '/v2/globalParallelism/x', 404, 'something below the global parallelism'),

  call('GET', '/v2/keys/current', 404, 'one signing key'),
  call('DELETE', '/v2/keys', 405, 'removal of the signing keys'),
  call('POST', '/v2/keys', 405, 'signing keys of the caller', { body: '{"current":"sig_mine","next":"sig_mine"}' }),

  call('GET', `/v2/topics/${long}`, 400, 'name of a URL group of 257 characters'),
  call('GET', '/v2/topics/__proto__', 404, 'URL group with the name of an inherited property'),
  call('DELETE', '/v2/topics/bad%20name', 400, 'removal of a URL group with a blank in its name'),
  call('POST', '/v2/topics/bad-in/endpoints', 400, 'endpoints: none', { body: '{"endpoints":[]}' }),
  call('POST', '/v2/topics/bad-in/endpoints', 400, 'endpoints: name that is too long', {
    body: `{"endpoints":[{"url":"\${DEST}/a","name":"${'a b'.repeat(100)}"}]}`,
  }),
  call('POST', '/v2/topics/bad-in/endpoints', 400, 'endpoints: name with a terminal escape sequence', {
    body: String.raw`{"endpoints":[{"url":"\${DEST}/a","name":"\u001b[2J"}]}`,
  }),
  call('POST', '/v2/topics/bad-in/endpoints', 400, 'endpoints: URL with a line break', {
    body: String.raw`{"endpoints":[{"url":"\${DEST}/a\r\nX: y"}]}`,
  }),
  call('POST', '/v2/topics/bad-in/endpoints', 412, 'endpoints: a thousand', {
    body: JSON.stringify({ endpoints: Array.from({ length: 1000 }, (_, n) => ({ url: `https://a.example/${n}` })) }),
  }),
  call('DELETE', '/v2/topics/no-such/endpoints', 400, 'removal of endpoints that are not named', {
    body: '{"endpoints":[{}]}',
  }),
  call('PATCH', '/v2/topics/no-such', 404, 'default headers of an unknown URL group', { body: '{"headers":{}}' }),
  ...[
    ['{"headers":[]}', 'a list'],
    ['{"headers":{"Upstash-Delay":"abc"}}', 'an option that is wrong'],
    ['{"headers":{"Upstash-Retries":[]}}', 'an empty list of values'],
    ['{"headers":{"Upstash-Retries":3}}', 'a number'],
    [String.raw`{"headers":{"Upstash-Forward-X":"a\r\nY: z"}}`, 'a line break in a value'],
    ['{"headers":{"Upstash-Forward-a b":"x"}}', 'a blank in a name'],
    ['{}', 'none'],
  ].map(([body = '', name = '']) => call('PATCH', '/v2/topics/bad-in', 400, `default headers: ${name}`, { body })),
];
