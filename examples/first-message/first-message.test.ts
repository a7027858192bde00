import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually, startSystem, testToken, type TestSystem } from '@posthorn/testkit';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

test('the example publishes its message and receives it, signed', async () => {
  const keys = (await (await system.api.call('/v2/keys')).json()) as { current: string; next: string };
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/first-message/main.mjs'], {
    env: {
      QSTASH_URL: system.api.url,
      QSTASH_TOKEN: testToken,
      QSTASH_CURRENT_SIGNING_KEY: keys.current,
      QSTASH_NEXT_SIGNING_KEY: keys.next,
    },
    timeout: 20_000,
  });
  expect(stdout).toMatch(/published msg_/);
  expect(stdout).toContain('received {"hello":"world"} with My-Header: my-value');
});

test('a delivery that it cannot trust gets 403, and ends nothing', async () => {
  const child = spawn(process.execPath, ['examples/first-message/main.mjs'], {
    env: {
      QSTASH_URL: system.api.url,
      QSTASH_TOKEN: testToken,
      QSTASH_CURRENT_SIGNING_KEY: 'sig_other',
      QSTASH_NEXT_SIGNING_KEY: 'sig_another',
    },
    stdio: 'ignore',
  });
  try {
    const refused = await eventually(async () => {
      const response = await system.api.call('/v2/logs?state=ERROR');
      return ((await response.json()) as { logs: { responseStatus?: number }[] }).logs[0];
    });
    expect(refused.responseStatus).toBe(403);
    expect(child.exitCode).toBeNull();
  } finally {
    child.kill();
  }
});
