import { parseRedaction, formatRedaction } from './redaction.ts';

test.each([
  ['body', { body: true, headers: [] }],
  ['header', { body: false, headers: 'all' }],
  ['headers, body', { body: true, headers: 'all' }],
  ['body,header[Authorization], headers[X-Secret]', { body: true, headers: ['authorization', 'x-secret'] }],
  ['header[a],header', { body: false, headers: 'all' }],
])('%s', (text, redaction) => {
  expect(parseRedaction(text)).toEqual(redaction);
  expect(parseRedaction(formatRedaction(redaction as never))).toEqual(redaction);
});

test.each(['', ',', 'url', 'body;header', 'header[]', 'header[a', 'header[a b]', 'body header'])(
  '%j is refused',
  (text) => expect(parseRedaction(text)).toBeUndefined(),
);
