import { eventually } from '@posthorn/testkit';
import { useWorkflowSystem } from './workflow-system.fixture.ts';

const workflows = useWorkflowSystem();
let thirdParty: string;
beforeAll(() => {
  thirdParty = workflows.system.receiver.url;
});

const elements = (text: string) => JSON.parse(text) as { messageId: string; body: string; callType: string }[];
const decode = (base64: string) => Buffer.from(base64, 'base64').toString('utf8');
const answers = (path: string) =>
  eventually(() => workflows.at(path).length > 0 && workflows.at(path).every(({ status }) => status > 0));

describe('trigger and delivery', () => {
  test.each([
    ['text', 'hello & <ü>', 'hello & <ü>'],
    ['an object', { a: ['&', '<', 'ü'] }, '{"a":["&","<","ü"]}'],
    ['nothing', undefined, ''],
  ])('the first delivery of a run with %s', async (name, body, expected) => {
    const path = `/payload-${name.replace(' ', '-')}`;
    const url = workflows.define(path, async (context) => context.run('echo', () => context.requestPayload));
    const { workflowRunId } = await workflows.client.trigger({ url, body });
    await workflows.ended(workflowRunId);
    const [first] = workflows.at(path);
    const all = elements(first?.body ?? '');
    expect(all).toEqual([
      { messageId: first?.headers['upstash-message-id'], body: expect.any(String) as string, callType: 'step' },
    ]);
    expect(decode(all[0]?.body ?? '')).toBe(expected);
    expect(first?.headers).toMatchObject({
      'upstash-workflow-sdk-version': '1',
      'upstash-workflow-runid': workflowRunId,
      'upstash-retried': '0',
      'upstash-retries': '3',
    });
    expect(Number(first?.headers['upstash-workflow-createdat'])).toBeGreaterThan(Date.now() - 60_000);
    for (const { body: text } of workflows.at(path)) expect(text).toBe(JSON.stringify(JSON.parse(text)));
  });

  test('run, sleep, run ends with its result after four deliveries, each one element longer', async () => {
    const url = workflows.define<string>('/two-steps', async (context) => {
      const one = await context.run('one', () => `one of ${context.requestPayload}`);
      await context.sleep('pause', 1);
      return context.run('two', () => `${one}, two`);
    });
    const { workflowRunId } = await workflows.client.trigger({ url, body: 'p' });
    const run = await workflows.ended(workflowRunId);
    expect(run).toMatchObject({ workflowState: 'RUN_SUCCESS', workflowRunResponse: '"one of p, two"' });
    await answers('/two-steps');
    const deliveries = workflows.at('/two-steps');
    expect(deliveries.map(({ body }) => elements(body).length)).toEqual([1, 2, 3, 4]);
    for (const { headers, body } of deliveries) {
      expect(elements(body).at(-1)?.messageId).toBe(headers['upstash-message-id']);
    }
    const [, , third] = deliveries;
    expect((third?.at ?? 0) - (deliveries[1]?.at ?? 0)).toBeGreaterThanOrEqual(1000);
    expect(run.steps).toMatchObject([
      { type: 'sequential', steps: [{ stepName: 'init', stepType: 'Initial', out: 'p' }] },
      { type: 'sequential', steps: [{ stepId: 1, stepName: 'one', out: '"one of p"', state: 'STEP_SUCCESS' }] },
      { type: 'sequential', steps: [{ stepId: 2, stepType: 'SleepFor', sleepFor: 1 }] },
      { type: 'sequential', steps: [{ stepId: 3, stepName: 'two' }] },
    ]);
  });

  test('all attempts at a message have the same body', async () => {
    let attempts = 0;
    const url = workflows.define('/flaky', async (context) =>
      context.run('one', () => {
        attempts += 1;
        if (attempts < 3) throw new Error('not yet');
        return attempts;
      }),
    );
    const { workflowRunId } = await workflows.client.trigger({ url, retries: 3, retryDelay: '10' });
    expect((await workflows.ended(workflowRunId)).workflowRunResponse).toBe('3');
    const [first, second, third] = workflows.at('/flaky');
    expect([first, second, third].map((one) => one?.headers['upstash-retried'])).toEqual(['0', '1', '2']);
    expect(second?.body).toBe(first?.body);
    expect(third?.body).toBe(first?.body);
  });

  test('the id of an active run starts nothing; after its end it can be used again', async () => {
    const url = workflows.define('/same-id', async (context) => {
      const { eventData } = await context.waitForEvent('go', 'same-id-go', { timeout: 60 });
      return eventData;
    });
    const first = await workflows.client.trigger({ url, workflowRunId: 'same' });
    await answers('/same-id');
    const again = await workflows.client.trigger({ url, workflowRunId: 'same' });
    expect(again).toEqual(first);
    const created = (await workflows.run(first.workflowRunId)).workflowRunCreatedAt;
    await workflows.client.notify({ eventId: 'same-id-go', eventData: 'a' });
    await workflows.ended(first.workflowRunId);
    expect(workflows.at('/same-id').filter(({ headers }) => headers['upstash-workflow-init'] === 'true')).toHaveLength(
      1,
    );
    await workflows.client.trigger({ url, workflowRunId: 'same' });
    await eventually(async () => (await workflows.client.getWaiters({ eventId: 'same-id-go' })).length === 1);
    await workflows.client.notify({ eventId: 'same-id-go', eventData: 'b' });
    const { runs } = await eventually(async () => {
      const found = await workflows.client.logs({ filter: { workflowRunId: first.workflowRunId } });
      return found.runs.every(({ workflowState }) => workflowState === 'RUN_SUCCESS') ? found : undefined;
    });
    expect(runs.map(({ workflowRunResponse }) => workflowRunResponse)).toEqual(['"b"', '"a"']);
    expect(runs[1]?.workflowRunCreatedAt).toBe(created);
  });

  test('three runs of one call, a delay, and labels', async () => {
    const url = workflows.define<string>('/three', async (context) => context.run('one', () => context.requestPayload));
    const began = Date.now();
    const runs = await workflows.client.trigger([
      { url, body: 'a', label: ['one', 'two'] },
      { url, body: 'b', delay: '1s' },
      { url, body: 'c', notBefore: Math.floor(began / 1000) + 2 },
    ]);
    const ended = await Promise.all(runs.map(({ workflowRunId }) => workflows.ended(workflowRunId)));
    expect(ended.map(({ workflowRunResponse }) => workflowRunResponse)).toEqual(['"a"', '"b"', '"c"']);
    const of = (index: number) =>
      workflows.at('/three').filter(({ headers }) => headers['upstash-workflow-runid'] === runs[index]?.workflowRunId);
    expect(of(0).map(({ headers }) => headers['upstash-label'])).toEqual(['one,two', 'one,two']);
    expect((of(1)[0]?.at ?? 0) - began).toBeGreaterThanOrEqual(1000);
    expect(of(2)[0]?.at).toBeGreaterThanOrEqual((Math.floor(began / 1000) + 2) * 1000);
    for (const index of [1, 2]) {
      const [first, second] = of(index);
      expect((second?.at ?? 0) - (first?.at ?? 0)).toBeLessThan(1000);
    }
  });

  test('a plain request starts a run; what the connection said is not sent again', async () => {
    const url = workflows.define<{ n: number }>('/plain', async (context) =>
      context.run('one', () => [context.requestPayload.n, context.headers.get('x-own')]),
    );
    const messageId = await workflows.system.api.publish(url, {
      body: '{"n":1}',
      headers: { 'Content-Type': 'application/json', 'Upstash-Forward-X-Own': 'v' },
    });
    const run = await eventually(async () => {
      const [found] = (await workflows.client.logs({ filter: { workflowUrl: url } })).runs;
      return found?.workflowState === 'RUN_SUCCESS' ? found : undefined;
    });
    expect(run.workflowRunResponse).toBe('[1,"v"]');
    const [raw, first] = workflows.at('/plain');
    expect(raw?.headers['upstash-message-id']).toBe(messageId);
    expect(raw?.body).toBe('{"n":1}');
    expect(first?.headers['upstash-message-id']).not.toBe(messageId);
    expect(first?.headers['content-length']).toBe(String(Buffer.byteLength(first?.body ?? '')));
  });

  test('a URL that is no workflow fails the run after one attempt', async () => {
    const { workflowRunId } = await workflows.client.trigger({ url: `${thirdParty}/no-workflow` });
    const run = await workflows.ended(workflowRunId);
    expect(run.workflowState).toBe('RUN_FAILED');
    const next = run.steps.at(-1);
    expect(next).toMatchObject({
      type: 'next',
      steps: [
        {
          state: 'STEP_FAILED',
          errors: [
            {
              error:
                'detected a non-workflow destination for trigger/invoke. make sure you are sending the request to the correct endpoint',
            },
          ],
        },
      ],
    });
    expect(
      workflows.system.receiver
        .at('/no-workflow')
        .filter(({ headers }) => headers['upstash-workflow-calltype'] === 'step'),
    ).toHaveLength(1);
  });
});

describe('call', () => {
  const third = (path: string) => workflows.system.receiver.at(path);

  test('a call, what it sends, and what comes back', async () => {
    const { receiver } = workflows.system;
    receiver.reply('/api', {
      status: 201,
      headers: { 'x-foo': 'bar', 'Content-Type': 'application/json' },
      body: '{"ok":true}',
    });
    const url = workflows.define('/call', async (context) => {
      await context.run('one', () => 1);
      const { status, body, header } = await context.call('ask', {
        url: `${thirdParty}/api`,
        method: 'POST',
        // What is no text becomes its JSON.
        body: { n: 1 } as never,
        headers: { 'X-Call': 'c' },
        timeout: 30,
      });
      return { status, body, foo: header['X-Foo'] };
    });
    const { workflowRunId } = await workflows.client.trigger({ url, headers: { 'X-User': 'u' } });
    const run = await workflows.ended(workflowRunId);
    expect(JSON.parse(run.workflowRunResponse ?? '')).toEqual({ status: 201, body: { ok: true }, foo: ['bar'] });

    const [request] = third('/api');
    expect(request).toMatchObject({ method: 'POST', headers: { 'x-call': 'c', 'content-type': 'application/json' } });
    expect(request?.body.toString()).toBe('{"n":1}');
    const names = Object.keys(request?.headers ?? {});
    expect(names.filter((name) => name.startsWith('upstash-forward') || name.startsWith('upstash-workflow'))).toEqual(
      [],
    );
    expect(names).not.toContain('x-user');

    await answers('/call');
    for (const { headers } of workflows.at('/call')) expect(headers['x-user']).toBe('u');
    const callback = workflows.at('/call').find(({ headers }) => headers['upstash-workflow-callback'] === 'true');
    expect(callback?.headers).toMatchObject({
      'upstash-workflow-calltype': 'fromCallback',
      'upstash-workflow-stepid': '2',
      'upstash-workflow-stepname': 'ask',
      'upstash-workflow-steptype': 'Call',
      'upstash-workflow-concurrent': '1',
      'upstash-workflow-contenttype': 'application/json',
      'upstash-workflow-runid': workflowRunId,
    });
    expect(callback?.headers['upstash-workflow-sdk-version']).toBeUndefined();
    expect(JSON.parse(callback?.body ?? '')).toMatchObject({ status: 201, header: { 'X-Foo': ['bar'] } });
    const last = workflows.at('/call').at(-1);
    expect(elements(last?.body ?? '').map(({ callType }) => callType)).toEqual([
      'step',
      'step',
      'toCallback',
      'fromCallback',
      'step',
    ]);
  });

  test('a call that fails is tried again, and the run is active with its status', async () => {
    workflows.system.receiver.reply('/forbidden', { status: 401, body: 'no' });
    const url = workflows.define('/call-401', async (context) => {
      const { status } = await context.call('ask', { url: `${thirdParty}/forbidden`, retries: 1, retryDelay: '10' });
      return status;
    });
    const { workflowRunId } = await workflows.client.trigger({ url });
    const run = await workflows.ended(workflowRunId);
    expect(run).toMatchObject({ workflowState: 'RUN_SUCCESS', workflowRunResponse: '401' });
    expect(run.dlqId).toBeUndefined();
    expect(third('/forbidden')).toHaveLength(2);
    expect(workflows.at('/call-401').filter(({ headers }) => headers['upstash-workflow-callback'])).toHaveLength(1);
  });

  test.each([
    ['UTF-8', 200, 'text/plain', Buffer.from('{"ü":"& <"}')],
    // The SDK makes one character of each byte of what is not text.
    ['binary', 200, 'application/octet-stream', Buffer.from([0x00, 0xff, 0x80])],
    ['empty', 204, 'text/plain', Buffer.alloc(0)],
  ])('a %s answer arrives unchanged', async (name, status, type, bytes) => {
    workflows.system.receiver.reply(`/${name}`, (response) =>
      response.writeHead(status, { 'Content-Type': type }).end(bytes),
    );
    const url = workflows.define(`/call-${name}`, async (context) => {
      const { body } = await context.call<string>('ask', { url: `${thirdParty}/${name}` });
      const isText = type.startsWith('text');
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      return Buffer.from(text, isText ? 'utf8' : 'latin1').toString('hex');
    });
    const { workflowRunId } = await workflows.client.trigger({ url });
    const run = await workflows.ended(workflowRunId);
    expect(JSON.parse(run.workflowRunResponse ?? '')).toBe(bytes.toString('hex'));
  });

  test('a call of another workflow starts a run of it', async () => {
    const other = workflows.define('/other', async (context) => context.run('one', () => 'done'));
    const url = workflows.define('/call-other', async (context) => {
      const { status, body } = await context.call<{ workflowRunId: string }>('ask', { url: other, method: 'POST' });
      return [status, body.workflowRunId];
    });
    const { workflowRunId } = await workflows.client.trigger({ url });
    const run = await workflows.ended(workflowRunId);
    const [status, otherId] = JSON.parse(run.workflowRunResponse ?? '') as [number, string];
    expect(status).toBe(200);
    expect((await workflows.ended(otherId)).workflowRunResponse).toBe('"done"');
  });
});
