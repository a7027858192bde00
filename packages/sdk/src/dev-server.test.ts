import { findFreePort, startReceiver, type Receiver as TestServer } from '@posthorn/testkit';
import { registerQStashDev } from './frameworks/nextjs.ts';
import { startDevServer } from './index.ts';

const { env } = process;
let server: TestServer;
let warn: jest.SpyInstance;
beforeEach(async () => {
  warn = jest.spyOn(console, 'warn').mockImplementation();
  server = await startReceiver();
  process.env = Object.fromEntries(Object.entries(env).filter(([name]) => !/QSTASH|NODE_ENV|NEXT/.test(name)));
  process.env['QSTASH_DEV_PORT'] = new URL(server.url).port;
});
afterEach(async () => {
  process.env = env;
  jest.restoreAllMocks();
  await server.stop();
});

const answerKeys = (current: string, next: string) =>
  server.reply('/v2/keys', { status: 200, body: JSON.stringify({ current, next }) });
/** What was said, apart from that development mode is on. */
const warnings = () =>
  (warn.mock.calls.flat() as unknown[]).filter((text) => !String(text).includes('is on: the published'));

describe.each([startDevServer, registerQStashDev])('%p', (start) => {
  test.each([
    ['without development mode', {}],
    ['with development mode off', { QSTASH_DEV: 'false' }],
    ['in production', { QSTASH_DEV: 'true', NODE_ENV: 'production' }],
    ['while Next.js builds', { QSTASH_DEV: 'true', NEXT_PHASE: 'phase-production-build' }],
  ])('does nothing %s', async (_when, variables) => {
    Object.assign(process.env, variables);
    await start();
    expect(server.requests).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
  });

  test('says nothing of a server with the published credentials', async () => {
    process.env['QSTASH_DEV'] = 'true';
    answerKeys('sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r', 'sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs');
    await start();
    expect(server.at('/v2/keys')).toHaveLength(1);
    expect(warnings()).toEqual([]);
  });

  test('warns of one with other keys', async () => {
    process.env['QSTASH_DEV'] = 'true';
    answerKeys('sig_other', 'sig_other');
    await start();
    expect(warnings()).toEqual([expect.stringContaining('does not have the credentials of development')]);
  });

  test('warns when there is none, with how to start one', async () => {
    Object.assign(process.env, { QSTASH_DEV: 'true', QSTASH_DEV_PORT: String(await findFreePort()) });
    await start();
    expect(warnings()).toEqual([expect.stringContaining('POSTHORN_DEV_CREDENTIALS=1 npm start')]);
  });

  test('warns of a value of QSTASH_DEV that means nothing', async () => {
    process.env['QSTASH_DEV'] = 'maybe';
    await start();
    expect(warnings()).toEqual([expect.stringContaining("QSTASH_DEV is 'maybe'")]);
  });
});
