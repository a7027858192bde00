import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { PosthornError } from '@posthorn/shared';
import type { Request, Response } from 'express';
import { authenticate, readAccess } from './authenticate.ts';

const request = (url: string, authorization?: string) =>
  Object.assign(new IncomingMessage(new Socket()), {
    url,
    headers: authorization === undefined ? {} : { authorization },
  }) as unknown as Request;

/** What a middleware with one token passes on for a request. */
function errorFor(asked: Request): unknown {
  const next = jest.fn();
  void authenticate(['right'], undefined)(asked, new ServerResponse(asked) as unknown as Response, next);
  return (next.mock.calls as unknown[][])[0]?.[0];
}

test('a request that was never checked has no access, not even to read', () => {
  expect(() => readAccess(request('/v2/dlq'))).toThrow(PosthornError);
  expect(() => readAccess(request('/v2/dlq'))).toThrow(/token/);
});

test('a refused request has no access either', () => {
  const refused = request('/v2/dlq', 'Bearer wrong');
  expect(errorFor(refused)).toMatchObject({ code: 'unauthorized' });
  expect(() => readAccess(refused)).toThrow(PosthornError);
});

test('the token in the query counts, in any case of its name', () => {
  expect(errorFor(request('/v2/publish/http://h/?x=1&QStash_Token=right'))).toBeUndefined();
});

test.each([
  '/v2/publish/http://h/?x=1?qstash_token=right',
  '/v2/publish/http://h/?x=1;qstash_token=right',
  '/v2/publish/http://h/&qstash_token=right',
  '/v2/publish/http://h/?qstash%5Ftoken=right',
  '/v2/publish/http://h/?xqstash_token=right',
  '/v2/publish/http://h/%3Fqstash_token=right',
])('%s has no token: what would not be removed from the destination does not count', (url) => {
  expect(errorFor(request(url))).toMatchObject({ code: 'unauthorized' });
});
