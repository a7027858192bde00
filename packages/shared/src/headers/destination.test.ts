import { FilterFields } from '../contract/filters.ts';
import { EndpointReference, GroupEndpoint } from '../contract/url-groups.ts';
import {
  DestinationError,
  emptyDestinationText,
  formatUrl,
  invalidSchemeText,
  parseUrl,
  parseDestination,
} from './destination.ts';
import { decodeHeaderText, encodeHeaderText } from './header-text.ts';
import { hidePassword } from './hide-password.ts';
import { parsePublishOptions } from './parse-publish-options.ts';

const readUrl = (rawTarget: string) => {
  const { destination } = parseDestination(rawTarget);
  return destination.kind === 'url' ? destination.url : `group ${destination.name}`;
};

describe('a URL', () => {
  it.each([
    'https://example.com',
    'https://example.com/',
    'http://example.com',
    'HTTPS://Example.COM/Path',
    'https://example.com/?foo=bar&u=https://b/?q=1',
    'https://a.com/p?u=https://b.com/?q=1',
    'https://a.com/a%20b?y=%C3%BC',
    'https://a.com/%2F%2f/x',
    'https://a.com/%zz/%00',
    'https://a.com/a//b///c',
    'https://a.com/x/../b/./c',
    'https://a.com/../../v2/keys',
    'https://a.com/p?a=1&&b=&=c&d',
    'https://a.com/p?a+b=c+d&UPPER=1',
    'https://a.com/p?x=upstash-retries=1&y=qstash_token=T',
    'https://a.com/p?my-upstash-x=1&upstash=2&qstash_tokens=3',
    "https://a.com/p?q=%3Cimg%20src%3Dx%3E&r=<'>{}|^`",
    'http://[::1]:3000/x',
    'https://user:pw@h:8443/p',
    'https://user@h/p@q?r=@',
    'https://h:443/',
    'https://h:1/',
    'https://h:65535',
    'https://localhost.:6379/',
    'http://2130706433/',
    'http://xn--bcher-kva.example/',
    'https://a_b.example/',
    'https://h?q',
    `https://${'a'.repeat(63)}.example/`,
    `https://${Array.from({ length: 127 }, () => 'a').join('.')}./`,
  ])('%s is kept byte for byte', (url) => {
    expect(parseDestination(url)).toEqual({ destination: { kind: 'url', url }, configuration: [] });
  });

  it.each([
    ['http:/example.com/x', 'http://example.com/x'],
    ['https:/example.com//x?a=https:/b', 'https://example.com//x?a=https:/b'],
    ['HTTPS:/h', 'HTTPS://h'],
  ])('%s lost a slash on the way and gets it back', (rawTarget, url) => {
    expect(readUrl(rawTarget)).toBe(url);
  });

  it.each([
    ['https%3A%2F%2Fh%2Fp', 'https://h/p'],
    ['https%3a%2f%2fh%2fp', 'https://h/p'],
    ['HTTP%3A%2F%2Fh', 'HTTP://h'],
    ['https:%2F%2Fh%2Fp', 'https://h/p'],
    ['https%3A//h/p', 'https://h/p'],
    ['https%3A%2F%2Fh%2Fp?a=%2F', 'https://h/p?a=%2F'],
    ['https%3A%2F%2Fh%2Fp%3Fa%3D1?b=2', 'https://h/p?a=1&b=2'],
    ['https%3A%2F%2Fh%2Fa%2520b', 'https://h/a%20b'],
    ['https%3A%2F%2Fh%2Fp?upstash-retries=1', 'https://h/p'],
  ])('%s is decoded once', (rawTarget, url) => {
    expect(readUrl(rawTarget)).toBe(url);
  });

  it('comes back from its encoded form, whatever it is made of', () => {
    const alphabet = 'abcXYZ019-._~!$&()*+,;=:@/?%41%2F[]';
    for (let seed = 1; seed <= 300; seed++) {
      const tail = Array.from(
        { length: seed % 40 },
        (_, index) => alphabet[(seed * 31 + index * index * 17) % alphabet.length],
      );
      // An empty query is none: see below.
      const url = `https://h.example/${tail.join('')}`.replace(/\?$/, '');
      expect(readUrl(url)).toBe(url);
      expect(readUrl(encodeURIComponent(url))).toBe(url);
    }
  });
});

describe('the query', () => {
  it('leaves no question mark behind when it is empty', () => {
    expect(readUrl('https://h/p?')).toBe('https://h/p');
    expect(readUrl('https://h/p?upstash-retries=1')).toBe('https://h/p');
  });

  it.each([
    ['https://h/p?qstash_token=T&a=1', 'https://h/p?a=1'],
    ['https://h/p?a=1&qstash_token=T', 'https://h/p?a=1'],
    ['https://h/p?a=1&qstash_token=T&b=2', 'https://h/p?a=1&b=2'],
    ['https://h/p?qstash_token=T', 'https://h/p'],
    ['https://h/p?QStash_Token=T', 'https://h/p'],
    ['https://h/p?qstash_token', 'https://h/p'],
    ['https://h/p?qstash_token=T&qstash_token=U', 'https://h/p'],
    ['my-group?qstash_token=T', 'group my-group'],
  ])('of %s loses the token', (rawTarget, kept) => {
    expect(parseDestination(rawTarget)).toMatchObject({ configuration: [] });
    expect(readUrl(rawTarget)).toBe(kept);
  });

  it('gives up its configuration and keeps the rest byte for byte', () => {
    expect(
      parseDestination(
        'https://h/p?a=%20&upstash-retries=3&b=+&Upstash-Delay=100s&upstash-header-forward=true&qstash_token=T&&c',
      ),
    ).toEqual({
      destination: { kind: 'url', url: 'https://h/p?a=%20&b=+&&c' },
      configuration: ['upstash-retries', '3', 'upstash-delay', '100s', 'upstash-header-forward', 'true'],
    });
  });

  it.each([
    ['https://h/p?qstash_token=T&upstash-retries=1', 'https://h/p'],
    ['https://h/p?a=%20&qstash_token=T&b=2&Upstash-Retries=1', 'https://h/p?a=%20&b=2'],
    ['https://h/?u=https://g/?qstash_token=T&upstash-retries=1', 'https://h/?u=https://g/?qstash_token=T'],
  ])('gives up token and configuration also when it is encoded as a whole: %s', (text, url) => {
    const configuration = ['upstash-retries', '1'];
    const encoded = encodeURIComponent(text);
    expect(parseDestination(encoded)).toEqual({ destination: { kind: 'url', url }, configuration });
    expect(parseDestination(`${encoded}?c&upstash-delay=1s`)).toEqual({
      destination: { kind: 'url', url: `${url}${url.includes('?') ? '&' : '?'}c` },
      configuration: ['upstash-delay', '1s', ...configuration],
    });
  });

  it.each([
    ['upstash-label=a%2Cb', 'upstash-label', 'a,b'],
    ['upstash-label=a+b', 'upstash-label', 'a b'],
    ['upstash-label=a%2Bb', 'upstash-label', 'a+b'],
    ['upstash-label=%C3%BC', 'upstash-label', 'ü'],
    ['upstash-label=a=b=c', 'upstash-label', 'a=b=c'],
    ['upstash-label=', 'upstash-label', ''],
    ['upstash-label', 'upstash-label', ''],
    ['UPSTASH-FORWARD-X-Trace=T1', 'upstash-forward-x-trace', 'T1'],
    ['upstash-callback=https%3A%2F%2Fh%2Fcb%3Fq%3D1', 'upstash-callback', 'https://h/cb?q=1'],
  ])('%s is configuration', (parameter, name, value) => {
    expect(parseDestination(`https://h?${parameter}`).configuration.map(decodeHeaderText)).toEqual([name, value]);
  });

  it('keeps every value of a repeated parameter, in order', () => {
    const { configuration } = parseDestination('https://h?upstash-label=a&upstash-label=b');
    expect(configuration).toEqual(['upstash-label', 'a', 'upstash-label', 'b']);
  });

  it('may configure a publish to a group, and is dropped otherwise', () => {
    expect(parseDestination('my-group?upstash-retries=0&a=1')).toEqual({
      destination: { kind: 'urlGroup', name: 'my-group' },
      configuration: ['upstash-retries', '0'],
    });
  });

  it('is refused when a configuration value cannot be decoded', () => {
    expect(() => parseDestination('https://h?upstash-label=%zz')).toThrow(
      'the percent-encoding of upstash-label is wrong',
    );
  });
});

describe('a text that is no URL', () => {
  it.each(['my-group', 'My_Group.2', '0', 'example.com', '-', 'https', '__proto__', 'a'.repeat(256)])(
    '%s is the name of a group',
    (name) => {
      expect(parseDestination(name)).toEqual({ destination: { kind: 'urlGroup', name }, configuration: [] });
    },
  );

  it.each([
    ...['%20', 'ftp://h/', 'ftp://example.com/a', 'gopher://127.0.0.1:6379/_FLUSHALL', '//h/p', '/'],
    ...['javascript:alert(1)', 'unix:/var/run/docker.sock', 'data:text/plain,x', 'file:///etc/passwd', 'ws://h/'],
    ...['https:example.com', 'https:', 'https:/'],
    ...[' https://h/', 'xhttps://h/', 'https//h', 'example.com/hook', 'api/llm', 'my group', 'grüppe', 'my%2Dgroup'],
    ...['https%253A%252F%252Fexample.com', 'ftp%3A%2F%2Fh', '%', '%zz', 'https%3A%2F%2Fh%zz', 'a'.repeat(257)],
  ])('%j has no scheme that could be used', (rawTarget) => {
    expect(() => parseDestination(rawTarget)).toThrow(new DestinationError(invalidSchemeText));
  });

  it.each(['', '?', '?a=1', '#', '#a', '?upstash-retries=1', '?qstash_token=T'])(
    '%j is no destination at all',
    (rawTarget) => {
      expect(() => parseDestination(rawTarget)).toThrow(
        new DestinationError('a non-empty destination must be provided'),
      );
      expect(emptyDestinationText).toBe('a non-empty destination must be provided');
    },
  );

  it('is refused with the text that clients know', () => {
    expect(invalidSchemeText).toBe('invalid destination url: endpoint has invalid scheme, add http:// or https://');
  });
});

describe('a faulty URL', () => {
  const scheme = 'endpoint has invalid scheme, add http:// or https://';
  const control = 'control characters must be percent-encoded';
  const host = 'the host or the port is not valid';
  const faults: [url: string, reason: string][] = [
    ['', scheme],
    ['not a url', scheme],
    ['example.com/hook', scheme],
    ['ftp://example.com/a', scheme],
    ['gopher://127.0.0.1:6379/_FLUSHALL', scheme],
    ['javascript:alert(1)', scheme],
    ['https:example.com', scheme],
    ['https:/example.com', scheme],
    ['https:\\\\example.com', scheme],
    [' https://example.com', scheme],
    ['\thttps://example.com', scheme],
    ['ht\ntps://example.com', scheme],
    ['//example.com', scheme],
    ['https://', 'the host is missing'],
    ['http:///a', 'the host is missing'],
    ['http://?a', 'the host is missing'],
    ['http://:80/', host],
    ['http://@/', host],
    ['http://user@/', host],
    ['http://exa%20mple.com/', host],
    ['http://exa%00mple.com/', host],
    ['http://exa<mple.com/', host],
    ['http://example.com:-1/', host],
    ['http://example.com:65536/', host],
    ['http://example.com:99999999999/', host],
    ['http://example.com:80x/', host],
    ['http://example.com:0/', 'the port must be between 1 and 65535'],
    ['http://example.com:000/', 'the port must be between 1 and 65535'],
    ['http://[::1/', host],
    ['http://[::1%25eth0]/', host],
    ['http://1.2.3.4.5/', host],
    ['http://256.1.1.1/', host],
    ['http://a..b/', 'a host name has at most 253 characters'],
    ['http://.example/', 'a host name has at most 253 characters'],
    ['http://./', 'a host name has at most 253 characters'],
    [`https://${'a'.repeat(300)}`, '1 to 63 between its dots'],
    [`https://${'a'.repeat(64)}.example`, '1 to 63 between its dots'],
    [`https://${'a.'.repeat(127)}`.replace(/\.$/, '.b'), 'a host name has at most 253 characters'],
    ['http://example.com%5C@127.0.0.1/', "no encoded '\\'"],
    ['http://example.com%5c@127.0.0.1/', "no encoded '\\'"],
    ['http://a@b@c/', "at most one '@'"],
    ['http://example.com\\@127.0.0.1/', "'\\' must be percent-encoded"],
    ['https://example.com/a\tb', control],
    ['https://example.com/a\r\nX: y', control],
    ['https://example.com/a\u0000', control],
    ['https://example.com/\u007f', control],
    ['https://example.com/\u0000ü', control],
    ['https://exam ple.com/', host],
    ['https://exämple\u0000.com/', control],
    ['https://ex\u00e4mple.com\\@127.0.0.1/', "'\\' must be percent-encoded"],
    ['https://example.com/?a=\\', "'\\' must be percent-encoded"],
    ['https://ä..b/', 'a host name has at most 253 characters'],
    ['https://\u3002/', '1 to 63 between its dots'],
    ['https://example.com:80８/', host],
    [`https://example.com/${'ü'.repeat(1500)}`, 'use at most 8192 bytes'],
    [`https://example.com/${'a'.repeat(8173)}`, 'use at most 8192 bytes'],
  ];

  it.each(faults)('%j is refused: %s', (url, reason) => {
    const check = () => {
      parseUrl(url, 'destination');
    };
    expect(check).toThrow(DestinationError);
    expect(check).toThrow(/^invalid destination url: /);
    expect(check).toThrow(reason);
  });

  it.each(faults.filter(([url]) => /^https?:\/\//.test(url)))('%j is refused in a request target too', (url) => {
    expect(() => parseDestination(url)).toThrow(DestinationError);
    expect(() => parseDestination(encodeURIComponent(url))).toThrow(DestinationError);
  });

  it('is refused with the same reasons as a callback', () => {
    expect(() => {
      parseUrl('ftp://h', 'callback');
    }).toThrow(new DestinationError(`invalid callback url: ${scheme}`));
    expect(() => {
      parseUrl('https://', 'failure callback');
    }).toThrow(new DestinationError('invalid failure callback url: the host is missing'));
  });
});

describe('a URL that a URL parser would encode', () => {
  const urls: [text: string, url: string][] = [
    ['http://127.0.0.1:9/größe', 'http://127.0.0.1:9/gr%C3%B6%C3%9Fe'],
    ['https://example.com/a b', 'https://example.com/a%20b'],
    ['https://example.com/a  b/ c?d e', 'https://example.com/a%20%20b/%20c?d%20e'],
    ['https://example.com/日本?名=値&x=%E5', 'https://example.com/%E6%97%A5%E6%9C%AC?%E5%90%8D=%E5%80%A4&x=%E5'],
    ['https://example.com/😀', 'https://example.com/%F0%9F%98%80'],
    ['https://example.com/\ud800', 'https://example.com/%EF%BF%BD'],
    ['https://example.com/\u0085\u00a0/', 'https://example.com/%C2%85%C2%A0/'],
    ['https://example.com/x#frag', 'https://example.com/x'],
    ['https://example.com#frag', 'https://example.com'],
    ['https://example.com/x?a=1#frag?b=2#c', 'https://example.com/x?a=1'],
    ['https://example.com/größe?ö#ü', 'https://example.com/gr%C3%B6%C3%9Fe?%C3%B6'],
    ['https://example.com/ ', 'https://example.com/'],
    ['https://example.com  ', 'https://example.com'],
    ['https://exämple.com/ü', 'https://xn--exmple-cua.com/%C3%BC'],
    ['https://exämple.com', 'https://xn--exmple-cua.com'],
    ['https://EXÄMPLE.com:8443?ü', 'https://xn--exmple-cua.com:8443?%C3%BC'],
    ['https://example。com/', 'https://example.com/'],
    ['https://１２７.0.0.1/', 'https://127.0.0.1/'],
    ['https://üser:pä ss@example.com/', 'https://%C3%BCser:p%C3%A4%20ss@example.com/'],
    ['https://user:ö@exämple.com/', 'https://user:%C3%B6@xn--exmple-cua.com/'],
    ['HTTPS://Example.COM/ü', 'HTTPS://Example.COM/%C3%BC'],
    ['https://example.com/%zz ü', 'https://example.com/%zz%20%C3%BC'],
  ];

  it.each(urls)('%j is %s on all ways', (text, url) => {
    expect(parseUrl(text, 'destination')).toBe(url);
    expect(parseUrl(url, 'destination')).toBe(url);
    expect(readUrl(text)).toBe(url);
    if (!text.includes('\ud800')) expect(readUrl(encodeURIComponent(text))).toBe(url);
    const callbacks = parsePublishOptions([
      'Upstash-Callback',
      encodeHeaderText(text),
      'Upstash-Failure-Callback',
      encodeHeaderText(text),
    ]);
    expect(callbacks).toMatchObject({ callback: { url }, failureCallback: { url } });
    expect(GroupEndpoint.parse({ url: text })).toEqual({ url });
    expect(EndpointReference.parse({ url: text })).toEqual({ url });
    expect(FilterFields.url.parse(text)).toEqual([hidePassword(url)]);
  });

  it.each(urls.filter(([text]) => !text.includes('\ud800')))(
    '%j means what the parser of the URL standard reads',
    (text, url) => {
      const parsed = new URL(text);
      parsed.hash = '';
      expect(new URL(url).href).toBe(parsed.href);
    },
  );

  it('is taken apart like any other', () => {
    expect(parseDestination('https://h/ä?upstash-label=ö&b=ü#upstash-retries=1')).toEqual({
      destination: { kind: 'url', url: 'https://h/%C3%A4?b=%C3%BC' },
      configuration: ['upstash-label', encodeHeaderText('ö')],
    });
    expect(readUrl('https%3A%2F%2Fh%2Fp%23frag?b=2')).toBe('https://h/p?b=2');
  });

  it('is a text like any other for a filter', () => {
    for (const text of ['', 'größe', 'ftp://größe/ x', 'https://[ü/', '\\'])
      expect(typeof formatUrl(text)).toBe('string');
  });
});

it('allows a URL of 8,192 bytes', () => {
  const url = `https://example.com/${'a'.repeat(8172)}`;
  expect(readUrl(url)).toBe(url);
});

it('measures the URL without its configuration', () => {
  const url = `https://example.com/${'a'.repeat(8172)}`;
  expect(readUrl(`${url}?upstash-label=a`)).toBe(url);
  expect(() => parseDestination(`${url}?a`)).toThrow('use at most 8192 bytes');
});

it('answers a target of 1 MB soon', () => {
  for (const part of [
    'a',
    '%',
    '%41',
    '/',
    '?',
    '&',
    '&upstash-a=%zz',
    '&qstash_token=1',
    '@',
    '.',
    '%5C',
    '[',
    'https://',
    ' ',
    ' ü',
    '#',
    ':1',
    'ü@',
  ]) {
    const text = part.repeat(1_000_000 / part.length);
    for (const target of [
      text,
      `https://${text}`,
      `https://h/${text}ü`,
      `https://h?qstash_token&${text}`,
      `https%3A%2F%2F${text}`,
    ]) {
      const before = process.cpuUsage();
      try {
        formatUrl(target);
        parseDestination(target);
      } catch (error) {
        expect(error).toBeInstanceOf(DestinationError);
      }
      expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
    }
  }
});
