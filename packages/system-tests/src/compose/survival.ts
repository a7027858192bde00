import { eventually } from '@posthorn/testkit';
import { call, readJson } from './http.ts';
import type { ReceiverState } from './receiver.ts';
import { docker, services, token, type Stack } from './stack.ts';

const dispatchers = 3;
const messages = 200;
const headers = { Authorization: `Bearer ${token}` };

export async function isReady(stack: Stack): Promise<void> {
  await stack.compose(['up', '--detach', '--scale', `dispatcher=${dispatchers}`]);
  await eventually(async () => {
    const ids = (await Promise.all(services.map(stack.containers))).flat();
    const health = await docker('inspect', '--format', '{{.State.Health.Status}}', ...ids);
    if (/starting|unhealthy/.test(health))
      throw new Error(`the containers are ${health.trim().replaceAll('\n', ', ')}`);
    return true;
  }, 120_000);
  await eventually(async () => (await call(`${stack.apiUrl}/ready`)).ok);
  await eventually(() => readJson(stack.receiverUrl));
  const { length } = await stack.containers('dispatcher');
  if (length !== dispatchers) throw new Error(`there are ${length} dispatchers`);
}

export async function surviveKill(stack: Stack): Promise<void> {
  const ids = await Promise.all(Array.from({ length: messages }, () => publish(stack)));
  const victim = await eventually(() => findBusyDispatcher(stack), 20_000);
  await docker('kill', '--signal', 'KILL', victim);

  const { answered, cut } = await eventually(async () => {
    const state = await readJson<ReceiverState>(stack.receiverUrl);
    const missing = ids.filter((id) => !state.answered[id]);
    if (missing.length > 0) throw new Error(`${missing.length} of ${messages} messages did not arrive`);
    return state;
  }, 90_000);
  if (cut === 0) throw new Error('the dispatcher that was killed had nothing in flight');
  await eventually(async () => (await countDelivered(stack, ids)) === messages, 20_000);
  const twice = Object.values(answered).filter((times) => times > 1).length;
  console.log(`       ${messages} delivered; ${cut} of them were cut off by the kill, ${twice} were answered twice`);
}

export async function surviveDown(stack: Stack): Promise<void> {
  // The dispatcher that was killed comes back, too.
  await isReady(stack);
  const id = await publish(stack, { 'Upstash-Delay': '20s' });
  const ended = [...(await stack.containers('api')), ...(await stack.containers('dispatcher'))];
  await stack.compose(['stop']);
  const statuses = (await docker('inspect', '--format', '{{.State.ExitCode}}', ...ended)).trim().split('\n');
  if (statuses.some((status) => status !== '0')) throw new Error(`the exit statuses are ${statuses.join(', ')}`);

  await stack.compose(['down']);
  await stack.compose(['up', '--detach']);
  await eventually(async () => (await readJson<ReceiverState>(stack.receiverUrl)).answered[id], 90_000);
}

/** The container of the dispatcher with the most deliveries in flight, as soon as these are many. */
async function findBusyDispatcher(stack: Stack): Promise<string | undefined> {
  const { waiting } = await readJson<ReceiverState>(stack.receiverUrl);
  const [address, count] = Object.entries(waiting).sort(([, a], [, b]) => b - a)[0] ?? ['', 0];
  if (count < messages / 10) return undefined;
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}';
  for (const id of await stack.containers('dispatcher')) {
    if ((await docker('inspect', '--format', format, id)).split(/\s/).includes(address)) return id;
  }
  throw new Error(`no dispatcher has the address ${address}`);
}

async function publish({ apiUrl }: Stack, options: Record<string, string> = {}): Promise<string> {
  const init = { method: 'POST', headers: { ...headers, ...options }, body: 'x'.repeat(500) };
  const response = await call(`${apiUrl}/v2/publish/http://receiver:9000/`, init);
  if (!response.ok) throw new Error(`publish answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { messageId: string }).messageId;
}

/** How many of the messages were delivered, by the log of the API. It tells of 100 messages at a time. */
async function countDelivered({ apiUrl }: Stack, ids: string[]): Promise<number> {
  const delivered = new Set<string>();
  for (let from = 0; from < ids.length; from += 100) {
    const url = `${apiUrl}/v2/events?messageIds=${ids.slice(from, from + 100).join(',')}`;
    const { events } = await readJson<{ events: { messageId: string; state: string }[] }>(url, { headers });
    for (const { messageId, state } of events) if (state === 'DELIVERED') delivered.add(messageId);
  }
  return delivered.size;
}
