import { maxCallbackBytes, parseCallbackSource } from './callback-source.ts';

const sourceMessageId = `msg_${'0'.repeat(26)}`;
const parse = (value: unknown) => parseCallbackSource(Buffer.from(JSON.stringify(value)));

test('a callback names its source and the attempt', () => {
  expect(parse({ status: 200, retried: 2, sourceMessageId })).toEqual({ messageId: sourceMessageId, retried: 2 });
});

test('white space and the order of fields do not matter', () => {
  const text = JSON.stringify({ sourceMessageId, body: '', retried: 1 }, null, 2);
  expect(parseCallbackSource(Buffer.from(text))).toEqual({ messageId: sourceMessageId, retried: 1 });
});

test('only fields of the callback itself count, not those of what it contains', () => {
  expect(parse({ retried: 0, nested: { sourceMessageId } })).toBeUndefined();
  expect(parse({ sourceMessageId, sourceHeader: { retried: 7 } })).toEqual({ messageId: sourceMessageId, retried: 0 });
  expect(parse({ body: `"sourceMessageId":"${sourceMessageId}"` })).toBeUndefined();
});

test.each([
  ['nothing', ''],
  ['text', 'hello'],
  ['JSON that is cut', `{"sourceMessageId":"${sourceMessageId}"`],
  ['JSON that is no object', `["sourceMessageId"]`],
  ['null', 'null'],
  ['an id that is no text', '{"sourceMessageId":1}'],
  ['an id that is not ours', '{"sourceMessageId":"msg_1"}'],
  ['a number of retries that is none', `{"sourceMessageId":"${sourceMessageId}","retried":"1"}`],
])('%s is no callback', (_, text) => expect(parseCallbackSource(Buffer.from(text))).toBeUndefined());

test('a body with so many values that parsing it would take long is not parsed', () => {
  const values = Array.from({ length: 20_000 }, () => 0);
  expect(parse({ sourceMessageId, retried: 0, values: values.join() })).toBeDefined();
  expect(parse({ sourceMessageId, retried: 0, values })).toBeUndefined();
});

test('a body that is too large is not parsed', () => {
  const body = Buffer.from(JSON.stringify({ sourceMessageId, body: 'x'.repeat(maxCallbackBytes) }));
  expect(parseCallbackSource(body)).toBeUndefined();
});
