import { parseTarget } from './parse-target.ts';

test.each([
  ['/v2/dlq?a=b', '/v2/dlq?a=b'],
  ['//y/v2/dlq', '//y/v2/dlq'],
  ['http://y/v2/dlq', '/v2/dlq'],
  ['HTTPS://user:password@y:1/v2/publish/http://z/?a=b?c', '/v2/publish/http://z/?a=b?c'],
  ['http://y', '/'],
  ['http://y?a=b', '/?a=b'],
])('%s is read as %s', (target, path) => {
  expect(parseTarget(target)).toBe(path);
});

test.each([
  '',
  '*',
  'v2/dlq',
  '?a=b',
  'x://y/v2/dlq',
  'x://v2',
  'http:/v2/dlq',
  'http:///v2/dlq',
  'http://?a',
  'y:443',
])('%s is refused', (target) => {
  expect(parseTarget(target)).toBeUndefined();
});
