import { eventually } from '@posthorn/testkit';
import { useWorkflowSystem } from './workflow-system.fixture.ts';

const workflows = useWorkflowSystem();
const waiting = (eventId: string, count = 1) =>
  eventually(async () => (await workflows.client.getWaiters({ eventId })).length === count);

describe('waitForEvent', () => {
  const define = (path: string, eventId: string, timeout: number) =>
    workflows.define(path, async (context) => {
      const { eventData, timeout: isLate } = await context.waitForEvent('wait', eventId, { timeout });
      return { eventData, isLate, kind: typeof eventData };
    });

  test('without an event it ends at its deadline', async () => {
    const { workflowRunId } = await workflows.client.trigger({ url: define('/late', 'late', 1) });
    expect(await workflows.result(workflowRunId)).toEqual({ isLate: true, kind: 'undefined' });
    expect(await workflows.client.getWaiters({ eventId: 'late' })).toEqual([]);
  });

  test.each([
    ['an object', { a: 1 }, { a: 1 }, 'object'],
    ['text', 'hello', 'hello', 'string'],
    ['nothing', undefined, undefined, 'undefined'],
  ])('%s of an event', async (name, eventData, expected, kind) => {
    const eventId = `event ${name}`;
    const { workflowRunId } = await workflows.client.trigger({
      url: define(`/event-${name.replace(' ', '-')}`, eventId, 60),
    });
    await waiting(eventId);
    const [waiter] = await workflows.client.getWaiters({ eventId });
    expect(waiter?.headers['Upstash-Workflow-Runid']).toEqual([workflowRunId]);
    expect(JSON.stringify(waiter)).not.toMatch(/authorization|bearer/i);
    const notified = await workflows.client.notify({ eventId, eventData });
    expect(notified).toMatchObject([
      { workflowRunId, waiter: { headers: { 'Upstash-Workflow-Runid': [workflowRunId] } } },
    ]);
    expect(await workflows.result(workflowRunId)).toEqual({
      ...(expected === undefined ? {} : { eventData: expected }),
      isLate: false,
      kind,
    });
    expect(await workflows.client.getWaiters({ eventId })).toEqual([]);
  });

  test('an event resumes all runs that wait, and is lost if none does; a slash in its name means nothing', async () => {
    const url = define('/two-wait', 'two/wait', 60);
    const runs = await workflows.client.trigger([{ url }, { url }]);
    await waiting('two/wait', 2);
    expect(await workflows.client.notify({ eventId: 'two/wait', eventData: 1 })).toHaveLength(2);
    for (const { workflowRunId } of runs) expect(await workflows.result(workflowRunId)).toMatchObject({ eventData: 1 });
    expect(await workflows.client.notify({ eventId: 'two/wait' })).toEqual([]);
  });

  test('data for a run that does not wait yet is kept for it', async () => {
    const url = workflows.define('/lookback', async (context) => {
      await context.sleep('pause', 1);
      const { eventData, timeout } = await context.waitForEvent('wait', 'early', { timeout: 60 });
      return { eventData, timeout };
    });
    const { workflowRunId } = await workflows.client.trigger({ url });
    expect(await workflows.client.notify({ eventId: 'early', eventData: 'x', workflowRunId })).toEqual([]);
    expect(await workflows.result(workflowRunId)).toEqual({ eventData: 'x', timeout: false });
    expect(await workflows.client.notify({ eventId: 'early', workflowRunId })).toEqual([]);
  });

  test('an event without data is kept for a run that does not wait yet', async () => {
    const url = workflows.define('/lookback-empty', async (context) => {
      await context.sleep('pause', 1);
      return (await context.waitForEvent('wait', 'early-empty', { timeout: 60 })).timeout;
    });
    const { workflowRunId } = await workflows.client.trigger({ url });
    expect(await workflows.client.notify({ eventId: 'early-empty', workflowRunId })).toEqual([]);
    expect(await workflows.result(workflowRunId)).toBe(false);
  });

  test('an event that races its deadline gives one result', async () => {
    const url = define('/race', 'race', 1);
    const runs = await workflows.client.trigger(Array.from({ length: 20 }, () => ({ url })));
    await waiting('race', 20);
    const [first] = await workflows.client.getWaiters({ eventId: 'race' });
    await eventually(() => Date.now() >= (first?.deadline ?? 0) * 1000 - 5);
    await workflows.client.notify({ eventId: 'race', eventData: 'x' });
    for (const { workflowRunId } of runs) {
      const run = await workflows.ended(workflowRunId);
      expect(run.workflowState).toBe('RUN_SUCCESS');
      expect(run.steps).toHaveLength(2);
    }
  });

  test('a workflow notifies another one', async () => {
    const waits = await workflows.client.trigger({ url: define('/is-told', 'told', 60) });
    await waiting('told');
    const url = workflows.define('/tells', async (context) => {
      const { notifyResponse } = await context.notify('tell', 'told', { from: 'other' });
      return notifyResponse.length;
    });
    const tells = await workflows.client.trigger({ url });
    expect(await workflows.result(tells.workflowRunId)).toBe(1);
    expect(await workflows.result(waits.workflowRunId)).toMatchObject({ eventData: { from: 'other' } });
  });
});

describe('webhooks', () => {
  const define = (path: string, hooks: string[], timeout: `${bigint}s` = '60s', sleepSeconds = 0) =>
    workflows.define(path, async (context) => {
      const webhook = await context.createWebhook('make');
      hooks.push(webhook.webhookUrl);
      if (sleepSeconds > 0) await context.sleep('pause', sleepSeconds);
      const one = await context.waitForWebhook('one', webhook, timeout);
      if (one.timeout) return 'late';
      const two = await context.waitForWebhook('two', webhook, timeout);
      const show = async (event: typeof two) =>
        event.timeout
          ? 'late'
          : {
              method: event.request.method,
              url: event.request.url,
              own: event.request.headers.get('x-own'),
              body: await event.request.text(),
            };
      return [await show(one), await show(two)];
    });

  test('calls before and after the wait resume it, in their order, with all that they carry', async () => {
    const hooks: string[] = [];
    const { workflowRunId } = await workflows.client.trigger({ url: define('/hook', hooks, '60s', 1) });
    const hook = await eventually(() => hooks[0]);
    expect(hook).toContain('/v2/workflows/hooks/testUser/');
    expect((await fetch(`${hook}?a=b`, { method: 'PUT', body: 'first', headers: { 'X-Own': '1' } })).status).toBe(200);
    expect((await fetch(hook)).status).toBe(200);
    expect(await workflows.result(workflowRunId)).toEqual([
      { method: 'PUT', url: `${hook}?a=b`, own: '1', body: 'first' },
      { method: 'GET', url: hook, own: null, body: '' },
    ]);
    expect((await fetch(hook)).status).toBe(404);
  });

  test('a call while the step waits', async () => {
    const hooks: string[] = [];
    const { workflowRunId } = await workflows.client.trigger({ url: define('/hook-after', hooks) });
    const hook = await eventually(() => hooks[0]);
    const eventId = hook.slice(hook.lastIndexOf('/') + 1);
    for (const body of ['a', 'b']) {
      await waiting(eventId);
      expect((await fetch(hook, { method: 'POST', body })).status).toBe(200);
    }
    expect(await workflows.result(workflowRunId)).toMatchObject([{ body: 'a' }, { body: 'b' }]);
  });

  test('no call before the deadline', async () => {
    const { workflowRunId } = await workflows.client.trigger({ url: define('/hook-late', [], '1s') });
    expect(await workflows.result(workflowRunId)).toBe('late');
  });

  test('a webhook of another user, or of a run that is not there, does not exist', async () => {
    const hook = `${workflows.system.api.url}/v2/workflows/hooks`;
    expect((await fetch(`${hook}/other/wfr_x/evt_x`)).status).toBe(404);
    expect((await fetch(`${hook}/testUser/wfr_x/evt_x`)).status).toBe(404);
  });
});

describe('parallel steps', () => {
  test('six kinds of branches run once each, and the step after them once', async () => {
    const ran: string[] = [];
    workflows.system.receiver.reply('/third', { status: 200, body: 'third' });
    const url = workflows.define('/six', async (context) => {
      const all = await Promise.all([
        context.run('run', () => {
          ran.push('run');
          return 'run';
        }),
        context.sleep('sleep', 1),
        context.sleepUntil('until', Date.now() / 1000 + 1),
        context.call('call', { url: `${workflows.system.receiver.url}/third` }),
        context.waitForEvent('told', 'six', { timeout: 60 }),
        context.waitForEvent('late', 'never', { timeout: 1 }),
      ]);
      return context.run('after', () => {
        ran.push('after');
        return [all[0], all[3].status, all[4].timeout, all[4].eventData, all[5].timeout];
      });
    });
    const { workflowRunId } = await workflows.client.trigger({ url });
    await waiting('six');
    await workflows.client.notify({ eventId: 'six', eventData: 'e' });
    expect(await workflows.result(workflowRunId)).toEqual(['run', 200, false, 'e', true]);
    expect(ran).toEqual(['run', 'after']);
    const { steps } = await workflows.run(workflowRunId);
    expect(steps.map(({ type, steps: some }) => [type, some.length])).toEqual([
      ['sequential', 1],
      ['parallel', 6],
      ['sequential', 1],
    ]);
  });
});
