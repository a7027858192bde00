import assert from 'node:assert/strict';
import { eventually, testToken, type TestSystem } from '@posthorn/testkit';
import type * as Qstash from '@upstash/qstash';

export interface CallResult {
  name: string;
  error?: string;
}

/** What a case works with. Calls that a version does not have yet are left out by the case. */
interface Context {
  client: Qstash.Client;
  package: typeof Qstash;
  system: TestSystem;
  /** A destination that is unique for the version and the path. */
  at: (path: string) => string;
  /** A name that is unique for the version. */
  unique: (name: string) => string;
}

const later = { delay: 3600 } as const;

/** Runs every call of one version of the official JavaScript client against the system. */
export async function callAll(qstash: typeof Qstash, version: string, system: TestSystem): Promise<CallResult[]> {
  const client = new qstash.Client({ baseUrl: system.api.url, token: testToken, retry: false });
  const context: Context = {
    client,
    package: qstash,
    system,
    at: (path) => `${system.receiver.url}/${version}${path}`,
    unique: (name) => `${name}-${version.replaceAll('.', '-')}`,
  };
  const results: CallResult[] = [];
  for (const call of [
    messages,
    batches,
    urlGroups,
    queues,
    schedules,
    cancel,
    deadLetters,
    logs,
    flowControl,
    signatures,
  ]) {
    try {
      await call(context);
      results.push({ name: call.name });
    } catch (error) {
      results.push({ name: call.name, error: error instanceof Error ? String(error.stack) : String(error) });
    }
  }
  return results;
}

async function messages({ client, at, unique }: Context): Promise<void> {
  const { messageId } = await client.publishJSON({
    url: at('/options?x=1'),
    body: { hello: 'world' },
    headers: { 'Test-Header': 'v' },
    delay: 3600,
    retries: 2,
    method: 'PUT',
    timeout: 30,
    callback: at('/callback'),
    failureCallback: at('/failure'),
  });
  const message = await client.messages.get(messageId);
  assert.equal(message.url, at('/options?x=1'));
  assert.equal(message.method, 'PUT');
  assert.equal(message.body, '{"hello":"world"}');
  assert.equal(message.maxRetries, 2);
  assert.equal(message.callback, at('/callback'));
  assert.equal(message.failureCallback, at('/failure'));
  assert.deepEqual(message.header?.['Test-Header'], ['v']);

  const publish = () => client.publish({ url: at('/twice'), deduplicationId: unique('twice'), ...later });
  const first = await publish();
  assert.equal((await publish()).messageId, first.messageId);
  const publishSame = () =>
    client.publishJSON({ url: at('/same'), body: 1, contentBasedDeduplication: true, ...later });
  assert.equal((await publishSame()).messageId, (await publishSame()).messageId);

  const notBefore = Math.floor(Date.now() / 1000) + 3600;
  const timed = await client.publish({ url: at('/timed'), notBefore });
  assert.equal((await client.messages.get(timed.messageId)).notBefore, notBefore * 1000);
  await assert.rejects(client.publish({ url: 'example.com' }), /endpoint has invalid scheme/);
  await assert.rejects(client.messages.get('msg_unknown'), /not found/);
}

async function batches(context: Context): Promise<void> {
  const { client, at, unique } = context;
  const name = unique('batch');
  await topics(context).addEndpoints({ name, endpoints: [{ url: at('/b1') }, { url: at('/b2') }] });
  const group = supports(client, 'urlGroups') ? { urlGroup: name } : { topic: name };
  const reply = await client.batch([
    { url: at('/batch'), body: 'a', headers: { 'X-Own': 'v' } },
    { ...group, body: 'b' },
  ]);
  assert.equal(reply.flat().length, 3);
  assert.equal((await arrived(context, '/batch')).headers['x-own'], 'v');
  await arrived(context, '/b2');
  await client.batchJSON([
    { url: at('/json'), body: { n: 1 } },
    { url: at('/json-queue'), queueName: unique('batch'), body: { n: 2 } },
  ]);
  assert.equal((await arrived(context, '/json')).body.toString(), '{"n":1}');
  assert.equal((await arrived(context, '/json-queue')).headers['content-type'], 'application/json');
}

async function urlGroups(context: Context): Promise<void> {
  const { client, at, unique } = context;
  const name = unique('group');
  const groups = topics(context);
  await groups.addEndpoints({ name, endpoints: [{ url: at('/one'), name: 'the first' }, { url: at('/two') }] });
  const { endpoints } = await groups.get(name);
  assert.deepEqual(
    endpoints.map((each) => [each.url, each.name]),
    [
      [at('/one'), 'the first'],
      [at('/two'), undefined],
    ],
  );
  const options = supports(client, 'urlGroups') ? { urlGroup: name } : { topic: name };
  const replies = await client.publishJSON({ ...options, body: { n: 1 } });
  assert.equal([replies].flat().length, 2);
  await arrived(context, '/two');
  await groups.removeEndpoints({ name, endpoints: [{ name: 'the first' }] });
  assert.ok((await groups.list()).some((each) => each.name === name && each.endpoints.length === 1));
  await groups.delete(name);
  await assert.rejects(groups.get(name), /not found/);
}

async function queues(context: Context): Promise<void> {
  const { client, at, unique, system } = context;
  const name = unique('queue');
  const queue = client.queue({ queueName: name });
  await queue.upsert({ parallelism: 2 });
  if (supports(queue, 'pause')) {
    await queue.pause();
    await queue.enqueueJSON({ url: at('/queued'), body: { n: 1 } });
    await queue.enqueue({ url: at('/queued'), body: 'text' });
    const found = await queue.get();
    assert.deepEqual([found.name, found.parallelism, found.lag, found.paused], [name, 2, 2, true]);
    await queue.resume();
  } else {
    await queue.enqueueJSON({ url: at('/queued'), body: { n: 1 } });
    await queue.enqueue({ url: at('/queued'), body: 'text' });
  }
  await eventually(() => system.receiver.at(new URL(at('/queued')).pathname).length === 2);
  assert.ok((await queue.list()).some((each) => each.name === name));
  await queue.delete();
  await assert.rejects(queue.get(), /not found/);
}

async function schedules({ client, at, unique }: Context): Promise<void> {
  const { scheduleId } = await client.schedules.create({
    destination: at('/scheduled?x=1'),
    cron: '*/10 * * * *',
    body: '{"n":1}',
    headers: { 'Test-Header': 'v' },
    delay: 10,
    retries: 2,
    callback: at('/callback'),
    failureCallback: at('/failure'),
    method: 'PUT',
  });
  const schedule = await client.schedules.get(scheduleId);
  assert.deepEqual(
    [schedule.destination, schedule.cron, schedule.body, schedule.retries, schedule.delay, schedule.method],
    [at('/scheduled?x=1'), '*/10 * * * *', '{"n":1}', 2, 10, 'PUT'],
  );
  assert.deepEqual(schedule.header?.['Test-Header'], ['v']);
  if (supports(client.schedules, 'pause')) {
    await client.schedules.pause({ schedule: scheduleId });
    assert.equal((await client.schedules.get(scheduleId)).isPaused, true);
    await client.schedules.resume({ schedule: scheduleId });
    assert.equal((await client.schedules.get(scheduleId)).isPaused, false);
  }
  const named = await client.schedules.create({
    destination: at('/other'),
    cron: '0 0 1 1 *',
    scheduleId: unique('s'),
  });
  const listed = (await client.schedules.list()).map((each) => each.scheduleId);
  assert.ok(listed.includes(scheduleId) && listed.includes(named.scheduleId));
  await client.schedules.delete(scheduleId);
  await client.schedules.delete(named.scheduleId);
  await assert.rejects(client.schedules.get(scheduleId), /not found/);
  await assert.rejects(client.schedules.create({ destination: at('/x'), cron: '* *' }), /cron/i);
}

async function cancel({ client, at }: Context): Promise<void> {
  const publish = async () => (await client.publish({ url: at('/cancel'), ...later })).messageId;
  const [one, two, three] = [await publish(), await publish(), await publish()];
  await client.messages.delete(one);
  await assert.rejects(client.messages.get(one), /not found/);
  if (supports(client.messages, 'deleteMany')) assert.equal(await client.messages.deleteMany([one, two]), 1);
  if (supports(client.messages, 'cancel')) {
    assert.deepEqual(await client.messages.cancel(three), { cancelled: 1 });
    await publish();
    assert.ok((await client.messages.cancel({ all: true })).cancelled >= 1);
  } else if (supports(client.messages, 'deleteAll')) {
    assert.ok((await client.messages.deleteAll()) >= 1);
  }
}

async function deadLetters(context: Context): Promise<void> {
  const { client, at, system } = context;
  system.receiver.reply(new URL(at('/dead')).pathname, { status: 404, body: '404 Not Found' });
  const ids: string[] = [];
  for (let index = 0; index < 3; index++) {
    ids.push((await client.publish({ url: at('/dead'), retries: 0 })).messageId);
  }
  const list = async () => {
    const page = await client.dlq.listMessages({ filter: { url: at('/dead') } });
    return page.messages.filter(({ messageId }) => ids.includes(messageId));
  };
  const entries = await eventually(async () => {
    const found = await list();
    return found.length === ids.length ? found : undefined;
  });
  assert.equal(entries[0]?.responseStatus, 404);
  assert.equal(entries[0].responseBody, '404 Not Found');
  const [first = '', second = '', third = ''] = entries.map(({ dlqId }) => dlqId);
  system.receiver.reply(new URL(at('/dead')).pathname, 200);
  if (supports(client.dlq, 'retry')) assert.equal((await client.dlq.retry(first)).responses.length, 1);
  else await client.dlq.delete(first);
  await assert.rejects(client.dlq.delete(first));
  assert.equal((await client.dlq.deleteMany({ dlqIds: [second, third] })).deleted, 2);
  assert.deepEqual(await list(), []);
}

async function logs({ client, at }: Context): Promise<void> {
  const { messageId } = await client.publish({ url: at('/logged'), body: 'x' });
  const read = async () => {
    const filter = { messageId } as const;
    if (supports(client, 'logs')) return (await client.logs({ filter })).logs;
    return (await client.events({ filter })).events;
  };
  const states = await eventually(async () => {
    const found = (await read()).map(({ state }) => state as string);
    return found.includes('DELIVERED') ? found : undefined;
  });
  assert.deepEqual(states, ['DELIVERED', 'ACTIVE', 'CREATED']);
  const { events, cursor } = await client.events();
  assert.ok(events.length > 0);
  if (cursor !== undefined) assert.ok((await client.events({ cursor })).events.length > 0);
}

async function flowControl({ client, at, unique }: Context): Promise<void> {
  if (!supports(client, 'flowControl')) return;
  const key = unique('flow');
  await client.publish({ url: at('/flow'), flowControl: { key, parallelism: 3, rate: 10, period: '1m' }, ...later });
  const read = await client.flowControl.get(key);
  assert.deepEqual([read.flowControlKey, read.parallelismMax, read.rateMax, read.ratePeriod], [key, 3, 10, 60]);
  await client.flowControl.pause(key);
  assert.equal((await client.flowControl.get(key)).isPaused, true);
  await client.flowControl.resume(key);
  await client.flowControl.pin(key, { parallelism: 7, rate: 20, period: 120 });
  assert.equal((await client.flowControl.get(key)).parallelismMax, 7);
  await client.flowControl.unpin(key, { parallelism: true, rate: true });
  await client.flowControl.resetRate(key);
  assert.ok((await client.flowControl.getGlobalParallelism()).parallelismCount >= 0);
}

async function signatures(context: Context): Promise<void> {
  const { client, at, system, package: qstash } = context;
  const { current, next } = (await (await system.api.call('/v2/keys')).json()) as { current: string; next: string };
  const receiver = new qstash.Receiver({ currentSigningKey: current, nextSigningKey: next });
  await client.publishJSON({ url: at('/signed'), body: { ü: 1 } });
  const { headers, body } = await arrived(context, '/signed');
  const signature = String(headers['upstash-signature']);
  assert.equal(await receiver.verify({ signature, body: body.toString(), url: at('/signed') }), true);
  await assert.rejects(receiver.verify({ signature, body: 'other', url: at('/signed') }));
}

/** Whether this version has a call. The types are those of the newest version and have them all. */
function supports(object: object, call: string): boolean {
  return call in object;
}

/** URL groups under the name that the version has for them. */
function topics({ client }: Context): Qstash.UrlGroups {
  return supports(client, 'urlGroups') ? client.urlGroups : client.topics;
}

function arrived({ at, system }: Context, path: string) {
  return eventually(() => system.receiver.at(new URL(at(path)).pathname)[0]);
}
