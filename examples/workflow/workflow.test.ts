import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startSystem, testToken, type TestSystem } from '@posthorn/testkit';

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.stop());

test('the example begins its workflow, confirms, and shows what it returns', async () => {
  const keys = (await (await system.api.call('/v2/keys')).json()) as { current: string; next: string };
  const { stdout } = await promisify(execFile)(process.execPath, ['examples/workflow/main.mjs'], {
    env: {
      QSTASH_URL: system.api.url,
      QSTASH_TOKEN: testToken,
      QSTASH_CURRENT_SIGNING_KEY: keys.current,
      QSTASH_NEXT_SIGNING_KEY: keys.next,
    },
    timeout: 20_000,
  });
  expect(stdout).toMatch(/began wfr_/);
  expect(stdout).toContain('RUN_SUCCESS "Welcome, Ada! Your account of Ada is ready."');
});
