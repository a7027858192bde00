import { DefaultHeaders } from '../contract/url-groups.ts';
import { parseConfiguration } from './destination.ts';
import { encodeHeaderText } from './header-text.ts';
import { PublishOptionsError, parsePublishOptions } from './parse-publish-options.ts';
import { publishHeaders } from './publish-options.ts';

test.each<[headers: string[], options: object]>([
  [['Upstash-Label', 'a', 'upstash-label', 'b,c', 'UPSTASH-LABEL', ''], { labels: ['a', 'b', 'c'] }],
  [
    ['Upstash-Redact-Fields', 'header[Cookie]', 'X', '1', 'Upstash-Redact-Fields', 'body'],
    { redaction: { body: true, headers: ['cookie'] } },
  ],
  [
    ['Upstash-Redact-Fields', 'header[A]', 'Upstash-Redact-Fields', 'header[B]'],
    { redaction: { body: false, headers: ['a', 'b'] } },
  ],
  [
    [
      'Upstash-Flow-Control-Key',
      'k',
      'Upstash-Flow-Control-Value',
      'rate=2',
      'Upstash-Flow-Control-Value',
      'period=1m',
    ],
    { flowControlKey: 'k', flowControlValue: { rate: 2, periodSeconds: 60 } },
  ],
  [
    [
      ...['Upstash-Callback', 'https://a.example', 'Upstash-Callback-Flow-Control-Key', 'k'],
      ...['Upstash-Callback-Flow-Control-Value', 'rate=2', 'Upstash-Callback-Flow-Control-Value', 'parallelism=3'],
    ],
    {
      callback: {
        url: 'https://a.example',
        flowControlKey: 'k',
        flowControlValue: { rate: 2, parallelism: 3, periodSeconds: 1 },
      },
    },
  ],
  // One line in UTF-8, the other one in Latin-1: each is decoded on its own.
  [['Upstash-Label', encodeHeaderText('日本'), 'Upstash-Label', 'Zoë'], { labels: ['日本', 'Zoë'] }],
])('several lines of a list are one list: %j', (headers, options) => {
  expect(parsePublishOptions(headers)).toEqual(options);
});

test('a list may be repeated in a query and in the defaults of a group', () => {
  const fromQuery = parseConfiguration(
    'upstash-label=a&upstash-label=b&upstash-redact-fields=header&upstash-redact-fields=body',
  );
  expect(parsePublishOptions(fromQuery)).toEqual({ labels: ['a', 'b'], redaction: { body: true, headers: 'all' } });
  const defaults = { 'Upstash-Label': ['a', 'b'], 'Upstash-Redact-Fields': ['body', 'nothing'] };
  expect(DefaultHeaders.safeParse(defaults).error?.message).toContain('Upstash-Redact-Fields');
});

test('a wrong line of a list is refused, wherever it stands', () => {
  expect(() => parsePublishOptions(['Upstash-Redact-Fields', 'body', 'Upstash-Redact-Fields', 'header[A'])).toThrow(
    PublishOptionsError,
  );
});

test('of an option that is no list the first line counts', () => {
  const headers = [
    'Upstash-Retries',
    '',
    'Upstash-Retries',
    '1',
    'Upstash-Retries',
    '2',
    'Upstash-Cron',
    '0 0 1,2 * *',
  ];
  expect(parsePublishOptions([...headers, 'upstash-cron', '0 0 3 * *'])).toEqual({ retries: 1, cron: '0 0 1,2 * *' });
});

test('a number of retries is read however large it is: the limit refuses it', () => {
  expect(parsePublishOptions(['Upstash-Retries', '9999999999'])).toEqual({ retries: 9_999_999_999 });
  expect(parsePublishOptions(['Upstash-Retries', '9'.repeat(400)])).toEqual({ retries: Infinity });
});

describe('control characters', () => {
  test.each(publishHeaders.map(({ name, example }) => [name, example]))('are refused in %s', (name, example) => {
    // Above ASCII a URL has them encoded.
    const others = name.endsWith('Callback') ? [] : [encodeHeaderText('\u0085')];
    for (const character of ['\0', '\u0007', '\n', '\u001b', '\u007f', ...others]) {
      expect(() => parsePublishOptions([name, `${example}${character}${example}`])).toThrow(
        `${name}: control characters are not allowed`,
      );
    }
  });

  test('are refused in a query and in the defaults of a group, too', () => {
    expect(() => parsePublishOptions(parseConfiguration('upstash-label=a%07b'))).toThrow(PublishOptionsError);
    expect(DefaultHeaders.safeParse({ 'Upstash-Label': 'a\u0007b' }).error?.message).toContain('Upstash-Label');
  });

  test('other than tabs are meant, and those at the ends are blanks', () => {
    expect(parsePublishOptions(['Upstash-Label', 'a\tb,\tc\r\n'])).toEqual({ labels: ['a\tb', 'c'] });
  });
});

test.each([
  ['Upstash-Callback', 'invalid callback url: '],
  ['Upstash-Failure-Callback', 'invalid failure callback url: '],
])('the text about a wrong %s begins as clients know it', (name, begin) => {
  const text = `${begin}endpoint has invalid scheme, add http:// or https://`;
  expect(() => parsePublishOptions([name, 'example.com/cb'])).toThrow(new RegExp(`^${text}$`));
});
