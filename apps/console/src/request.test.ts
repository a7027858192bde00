import { parseDestination } from '@posthorn/shared';
import { emptyOptions, formatRequest } from './request.ts';

test.each(['https://a.example/../b.example', 'https://a.example/%2E%2e/b.example', 'https://a.example/x/./?q=1'])(
  'a browser sends %s as it is',
  (url) => {
    const { path } = formatRequest({ ...emptyOptions(), destination: url });
    const target = new URL(path, 'https://posthorn.example').pathname.slice('/v2/publish/'.length);
    expect(parseDestination(target).destination).toEqual({ kind: 'url', url });
  },
);

test('a name never leads out of its path', () => {
  const { path } = formatRequest({ ...emptyOptions(), destination: '../keys/rotate', queue: 'q' });
  expect(new URL(path, 'https://posthorn.example').pathname).toMatch(/^\/v2\/enqueue\/q\/[^/]+$/);
});

test.each(['my.group', 'https://a.example/x?q=../..', 'https://a.example/...'])('%s is not encoded', (destination) => {
  expect(formatRequest({ ...emptyOptions(), destination }).path).toBe(`/v2/publish/${destination}`);
});
