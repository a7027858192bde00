import { siteOf } from './url-parts.ts';

test.each([
  ['http://127.0.0.1:8080/a', '127.0.0.1'],
  ['http://127.0.0.1', '127.0.0.1'],
  ['https://[2001:DB8::1]:443/', '[2001:db8::1]'],
  ['https://a.b.Example.COM.:9/x', 'example.com'],
  ['https://user:p.w@x.example.com?q=.z', 'example.com'],
  ['http://localhost/', 'localhost'],
])('the site of %s is %s', (url, site) => {
  expect(siteOf(url)).toBe(site);
});
