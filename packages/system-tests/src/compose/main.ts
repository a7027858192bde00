// `npm run test:compose`: the stack of docker-compose.yml for real, with three dispatchers, one of which is killed.
// NODE_IMAGE and REDIS_IMAGE name other base images, BUILD_NETWORK the network of the build, COMPOSE_COMMAND another
// compose.
import { checks, type Check } from './checks.ts';
import { createStack, type Stack } from './stack.ts';

const total = { passed: 0, failed: 0 };

async function check({ name, run }: Check, stack: Stack): Promise<boolean> {
  const startedAt = Date.now();
  const failure = await run(stack).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
  );
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  total[failure ? 'failed' : 'passed']++;
  console.log(failure ? `FAILED ${name}: ${failure.message}` : `ok     ${name} (${seconds} s)`);
  return !failure;
}

async function checkAll(stack: Stack): Promise<void> {
  for (const each of checks) {
    if ((await check(each, stack)) || !each.isNeeded) continue;
    break;
  }
  if (total.failed > 0) console.log(await stack.compose(['logs', '--no-color', '--tail', '30']).catch(String));
}

try {
  const stack = await createStack();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stack.remove().finally(() => process.exit(1)));
  }
  await checkAll(stack);
  await check({ name: 'the stack can be removed', run: stack.remove }, stack);
} catch (error) {
  total.failed++;
  console.error(error instanceof Error ? error.message : error);
}
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed > 0 ? 1 : 0);
