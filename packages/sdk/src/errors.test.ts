import { startReceiver, type Receiver as TestServer } from '@posthorn/testkit';
import * as sdk from './index.ts';

let server: TestServer;
let client: sdk.Client;
beforeAll(async () => {
  server = await startReceiver();
  client = new sdk.Client({ baseUrl: server.url, token: 'token', retry: false });
});
afterAll(() => server.stop());

async function fail(status: number, body: string, headers: Record<string, string> = {}): Promise<sdk.QstashError> {
  server.reply('/v2/topics', { status, body, headers });
  return client.urlGroups.list().then(
    () => Promise.reject(new Error('it succeeded')),
    (error: unknown) => error as sdk.QstashError,
  );
}

test.each([
  [400, sdk.QstashValidationError],
  [401, sdk.QstashUnauthorizedError],
  [403, sdk.QstashUnauthorizedError],
  [404, sdk.QstashNotFoundError],
  [412, sdk.QstashLimitError],
  [413, sdk.QstashError],
  [500, sdk.QstashError],
  [502, sdk.QstashUnavailableError],
  [503, sdk.QstashUnavailableError],
])('status %d is a %p, and a QstashError with the body as it came', async (status, type) => {
  const body = `{"error":"text of ${status}"}`;
  const error = await fail(status, body);
  expect(error.constructor).toBe(type);
  expect(error).toBeInstanceOf(sdk.QstashError);
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe(type.name);
  expect(error.status).toBe(status);
  expect(error.message).toBe(body);
  expect(error.detail).toBe(`text of ${status}`);
});

test('an empty body leaves the status as the message; a body that is no JSON is its own detail', async () => {
  expect((await fail(500, '')).message).toBe('Error: status=500');
  expect((await fail(500, '<html>')).detail).toBe('<html>');
});

test('429 of a burst, with the instant from which requests are allowed again', async () => {
  const headers = { 'Burst-RateLimit-Limit': '100', 'Burst-RateLimit-Remaining': '0' };
  const error = await fail(429, 'slow', { ...headers, 'Burst-RateLimit-Reset': '1700000000' });
  expect(error).toBeInstanceOf(sdk.QstashRatelimitError);
  expect(error).toMatchObject({ status: 429, limit: '100', remaining: '0', reset: '1700000000' });
  expect(error).toHaveProperty('resetAt', new Date(1_700_000_000_000));
});

test('429 of the day', async () => {
  const error = await fail(429, '', { 'RateLimit-Limit': '1000', 'RateLimit-Reset': '1700000000' });
  expect(error).toBeInstanceOf(sdk.QstashDailyRatelimitError);
  expect(error).toMatchObject({ limit: '1000', remaining: null });
  expect(error).toHaveProperty('resetAt', new Date(1_700_000_000_000));
});

test('429 of a language model, by its own header', async () => {
  const error = await fail(429, '', { 'x-ratelimit-limit-requests': '5', 'RateLimit-Limit': '1000' });
  expect(error).toBeInstanceOf(sdk.QstashChatRatelimitError);
  expect(error).toMatchObject({ status: 429, limitRequests: '5', resetTokens: null });
});

test('429 without any header', async () => {
  const error = await fail(429, 'slow');
  expect(error).toMatchObject({ limit: null, remaining: null, reset: null, resetAt: undefined });
});

test('a response that is no JSON is an error with its beginning', async () => {
  server.reply('/v2/topics', { status: 200, body: '<html>proxy</html>' });
  await expect(client.urlGroups.list()).rejects.toThrow('The response is not JSON: <html>proxy');
});

test('neither the token nor the body of a message is in an error', async () => {
  const lost = new sdk.Client({ baseUrl: 'http://127.0.0.1:9', token: 'very-secret', retry: false });
  const error: unknown = await lost.publish({ url: 'https://a.example', body: 'secret-body' }).catch((e: unknown) => e);
  const { inspect } = await import('node:util');
  expect(inspect(error, { depth: 10 })).not.toMatch(/very-secret|secret-body/);
});

test('decodeBase64 knows UTF-8', () => {
  expect(sdk.decodeBase64(Buffer.from('grüße ✓').toString('base64'))).toBe('grüße ✓');
});
