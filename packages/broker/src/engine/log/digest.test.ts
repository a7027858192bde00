import type { Message, MessageFilter } from '@posthorn/shared';
import fc from 'fast-check';
import { createDigestTest, digestBytes, writeDigest } from './digest.ts';
import { matches } from '../../views/filter.ts';

const name = fc.constantFrom('a', 'b', 'c', 'ä', '');
const url = fc
  .tuple(
    fc.constantFrom('http', 'https'),
    fc.constantFrom('a.example', 'B.example', '[::1]', 'ü.example'),
    fc.constantFrom('', ':80', ':8080'),
    fc.constantFrom('', '/', '/x', '/x?y=/z', '/%20 ü'),
  )
  .map(([scheme, host, port, path]) => `${scheme}://${host}${port}${path}`);
const message = fc.record(
  {
    url,
    callerIp: name,
    labels: fc.array(name, { maxLength: 5 }),
    topicName: name,
    queueName: name,
    scheduleId: name,
    flowControl: fc.record({ key: name, periodSeconds: fc.constant(1) }),
  },
  { requiredKeys: ['url', 'callerIp'] },
) as fc.Arbitrary<Message>;

const some = (text: fc.Arbitrary<string>) =>
  fc.option(fc.array(text, { minLength: 3, maxLength: 9 }), { nil: undefined, freq: 1 });
const filter: fc.Arbitrary<MessageFilter> = fc.record(
  {
    url: some(url),
    host: some(
      fc.constantFrom(
        'a.example',
        'a.example:8080',
        'b.example:80',
        'b.example',
        '[::1]',
        '[::1]:8080',
        'xn--tda.example',
      ),
    ),
    path: some(fc.constantFrom('/', '/x', '/%20%20%C3%BC')),
    label: some(name),
    topicName: some(name),
    queueName: some(name),
    scheduleId: some(name),
    flowControlKey: some(name),
    callerIp: some(name),
  },
  { requiredKeys: [] },
);

const digest = (of: Message) => {
  const bytes = Buffer.alloc(digestBytes + 1);
  writeDigest(of, bytes, 1);
  return bytes;
};

test('a filter that means a message finds its digest', () => {
  let meant = 0;
  fc.assert(
    fc.property(message, filter, (each, asked) => {
      if (!matches(asked, each)) return;
      meant++;
      expect(createDigestTest(asked)?.(digest(each), 1) ?? true).toBe(true);
    }),
    { numRuns: 5000 },
  );
  expect(meant).toBeGreaterThan(100);
});

test('a filter finds few digests of messages that it does not mean', () => {
  const plain = { url: 'https://a.example/x', callerIp: '::1' } as Message;
  const rare = createDigestTest({ label: ['rare'] });
  const other = createDigestTest({ url: ['https://a.example/other'] });
  let found = 0;
  for (let n = 0; n < 10_000; n++) {
    const bytes = digest({ ...plain, url: `https://a.example/${n}`, labels: [`l${n}`, `m${n}`, `n${n}`] });
    if (rare?.(bytes, 1)) found++;
    if (other?.(bytes, 1)) found++;
  }
  expect(found).toBeLessThan(20);
});
