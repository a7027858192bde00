import { publishHeaders } from './publish-options.ts';
import { warnOfUnknownHeaders } from './unknown-headers.ts';

test.each([
  ['Upstash-Retry', 'Upstash-Retries'],
  ['upstash-retires', 'Upstash-Retries'],
  ['Upstash-Delays', 'Upstash-Delay'],
  ['Upstash-Labels', 'Upstash-Label'],
  ['Upstash-Time-Out', 'Upstash-Timeout'],
  ['Upstash-Deduplication-ID2', 'Upstash-Deduplication-Id'],
  ['Upstash-Dedupliction-Id', 'Upstash-Deduplication-Id'],
  ['Upstash-Failure-Calback', 'Upstash-Failure-Callback'],
  ['Upstash-Callback-Retry', 'Upstash-Callback-Retries'],
  ['UPSTASH-METHDO', 'Upstash-Method'],
  ['Upstash-Forward', 'Upstash-Forward-<Name>'],
])('%s was probably meant as %s', (name, meant) => {
  expect(warnOfUnknownHeaders([name, '5'])).toEqual([`${name} is not known and was ignored; did you mean ${meant}?`]);
});

test('a header that is like no option is named alone', () => {
  expect(warnOfUnknownHeaders(['Upstash-Foo-Bar-Baz', '5'])).toEqual([
    'Upstash-Foo-Bar-Baz is not known and was ignored.',
  ]);
});

test.each([
  ...publishHeaders.map(({ name }) => name),
  ...[
    'Upstash-Telemetry-Sdk',
    'Upstash-Workflow-RunId',
    'Upstash-Feature-Set',
    'Upstash-Forward-X',
    'User-Agent',
    'Upgrade',
  ],
  ...[
    'Upstash-Callback-Forward-X',
    'Upstash-Failure-Callback-Forward-X',
    'Upstash-Callback-Authorization',
    'Upstash-Signature',
  ],
  ...[
    'Upstash-Message-Id',
    'Upstash-Caller-Ip',
    'Upstash-é',
    'Upstash-a b',
    'Upstash-\r\nX',
    `Upstash-${'x'.repeat(100)}`,
  ],
])('%j is worth no warning', (name) => {
  expect(warnOfUnknownHeaders([name, '5'])).toEqual([]);
  expect(warnOfUnknownHeaders([name.toLowerCase(), '5'])).toEqual([]);
});

test('there are few warnings, each once', () => {
  const names = Array.from({ length: 100 }, (_, index) => [`Upstash-Unknown-${index % 10}`, 'x']).flat();
  expect(warnOfUnknownHeaders(names)).toHaveLength(5);
});
