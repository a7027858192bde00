import { FilterFields } from '../contract/filters.ts';
import { parseUrl } from './destination.ts';
import { hasHiddenPassword, hidePassword } from './hide-password.ts';

test.each([
  ['https://user:secret@h/p?a=1', 'https://user:***@h/p?a=1'],
  ['https://:secret@h', 'https://:***@h'],
  ['HTTP://u:se%40cret@[::1]:80/', 'HTTP://u:***@[::1]:80/'],
  ['https://u:a:b@h/', 'https://u:***@h/'],
  ['https://u:a@h/c:d@e', 'https://u:***@h/c:d@e'],
  ['https://u:a@h', 'https://u:***@h'],
  ['https://ghp_TOKEN@h/x', 'https://***@h/x'],
  ['https://sk_live_1:@h/', 'https://***@h/'],
  ['HTTPS://tok%40en@[::1]:80?a=b@c', 'HTTPS://***@[::1]:80?a=b@c'],
  ['https://***:secret@h', 'https://***:***@h'],
])('%s is shown as %s', (url, shown) => {
  expect(hidePassword(url)).toBe(shown);
  expect(hidePassword(shown)).toBe(shown);
  expect(hasHiddenPassword(url)).toBe(false);
  expect(hasHiddenPassword(shown)).toBe(true);
  expect(FilterFields.url.parse(url)).toEqual([shown]);
});

test.each(['https://h/', 'https://@h/', 'https://:@h/', 'https://h:80/a:b@c', 'https://h?u:p@x', 'group', 'a@b', ''])(
  '%s has no password to hide',
  (url) => {
    expect(hidePassword(url)).toBe(url);
    expect(hasHiddenPassword(url)).toBe(false);
  },
);

test('a URL that was copied from a view is refused: its password is not known', () => {
  for (const what of ['destination', 'callback', 'failure callback'] as const) {
    for (const url of ['https://user:***@h/p', 'https://***@h/p']) {
      expect(() => parseUrl(url, what)).toThrow(`invalid ${what} url: '***' stands for a password`);
    }
  }
  expect(parseUrl('https://user:%2A%2A%2A@h/:***@', 'destination')).toBe('https://user:%2A%2A%2A@h/:***@');
});
