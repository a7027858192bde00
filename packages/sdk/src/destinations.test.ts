// The server gets every destination as it was given: `fetch` resolves dots and drops characters in a path.
import { parseDestination } from '@posthorn/shared';
import { QstashValidationError } from './index.ts';
import { serveClient } from './served-client.fixture.ts';

const served = serveClient();

const ways: [string, string, (destination: string) => Promise<unknown>][] = [
  ['publish', '/v2/publish/', (url) => served.client.publish({ url })],
  ['publishJSON', '/v2/publish/', (url) => served.client.publishJSON({ url, body: 1 })],
  ['enqueue', '/v2/enqueue/q/', (url) => served.client.queue({ queueName: 'q' }).enqueue({ url })],
  [
    'schedules.create',
    '/v2/schedules/',
    (destination) => served.client.schedules.create({ destination, cron: '* * * * *' }),
  ],
  ['workflow.trigger', '/v2/trigger/', (url) => served.client.workflow.trigger({ url })],
];

describe.each(ways)('%s', (_name, path, send) => {
  /** What the server takes out of the path of the request. */
  const sendAndRead = async (destination: string) => {
    // The response is no JSON.
    await send(destination).catch(() => undefined);
    expect(served.server.requests).toHaveLength(1);
    const target = served.server.requests[0]?.path ?? '';
    expect(target.startsWith(path)).toBe(true);
    return parseDestination(target.slice(path.length)).destination;
  };

  test.each([
    'https://a.example/../evil.example/hook',
    'https://a.example/%2e%2E/evil.example/hook',
    'https://a.example/x/.%2e/../../evil.example',
    'https://a.example/..',
    'https://a.example/.',
    'https://a.example/x/./y/?q=/../z',
    'https://a.example/x/..?q=a%20b&r=%25',
    'HTTPS://a.example/../x',
    'https://a.example/plain/...%2e/.hidden/x..?q=1',
  ])('%s arrives as it is', async (url) => {
    expect(await sendAndRead(url)).toEqual({ kind: 'url', url });
  });

  test.each(['https://a.example\\..\\evil.example', 'https://a.ex\tample/', 'https://a.example/\n../x'])(
    'the server can refuse %j, for it gets it as it is',
    async (url) => {
      await expect(sendAndRead(url)).rejects.toThrow('must be percent-encoded');
    },
  );

  test.each(['../keys/rotate', 'x/../../keys', '..', '.', '.. ', '%2e%2e/keys', 'group\\..', 'gro\nup'])(
    '%j leads out of its path: nothing is sent',
    async (destination) => {
      await expect(send(destination)).rejects.toBeInstanceOf(QstashValidationError);
      await expect(send(destination)).rejects.toThrow('leads out of its path');
      expect(served.server.requests).toHaveLength(0);
    },
  );

  test('names and plain URLs are not encoded', async () => {
    for (const destination of ['my.group', 'https://a.example/x?q=../..&r=%2F']) {
      await send(destination).catch(() => undefined);
      expect(served.server.requests.splice(0)[0]?.path).toBe(path + destination);
    }
  });
});
