import { call, type BadInput } from '../bad-input.ts';

const long = 'x'.repeat(257);
const unknownRun = { 'Upstash-Workflow-RunId': 'wfr_none', 'Upstash-Workflow-Init': 'false' };
const newRun = { 'Upstash-Workflow-RunId': 'wfr_bad-input', 'Upstash-Workflow-Init': 'true' };
const deep = '['.repeat(10_000) + ']'.repeat(10_000);

/** A message that begins a run, with these headers besides. */
const begin = (headers: Record<string, string>, name: string, more: Partial<BadInput> = {}) =>
  call('POST', '/v2/publish/${DEST}/run', 412, name, { headers: { ...newRun, ...headers }, ...more });
/** A wait of a run that does not exist: what is wrong with it must not matter, and breaks nothing. */
const wait = (body: string, name: string) =>
  call('POST', '/v2/wait/bad-input', [400, 412], `wait: ${name}`, { headers: unknownRun, body });
const batch = (body: string, status: number, name: string) =>
  call('POST', '/v2/batch/trigger', status, `triggers: ${name}`, { body });
const hook = (path: string, status: number, name: string, more: Partial<BadInput> = {}) =>
  call('POST', `/v2/workflows/hooks/${path}`, status, `webhook: ${name}`, { anonymous: true, ...more });

/** Requests of runs are answered 412 for what is wrong with them: 400 means that the run has ended (contract W3). */
export const workflows: BadInput[] = [
  call('POST', '/v2/trigger', 400, 'trigger of nothing'),
  call('POST', '/v2/trigger/', 400, 'trigger of an empty URL'),
  call('POST', '/v2/trigger/ftp://a.example', 400, 'trigger of another scheme'),
  call('POST', '/v2/trigger/group', 400, 'trigger of a URL group'),
  call('POST', '/v2/trigger/http://%00', 400, 'trigger of a NUL'),
  call('POST', '/v2/trigger/${DEST}/run', 400, 'trigger with an unreadable delay', {
    headers: { 'Upstash-Delay': 'soon' },
  }),
  call('POST', '/v2/trigger/${DEST}/run', [400, 412], 'trigger with too many retries', {
    headers: { 'Upstash-Retries': '9999' },
  }),
  call('POST', '/v2/trigger/${DEST}/run', [400, 412], 'trigger with an id that is a path', {
    headers: { 'Upstash-Workflow-RunId': 'wfr_../../x' },
  }),
  call('POST', '/v2/trigger/${DEST}/run', [400, 412], 'trigger with an id of 300 characters', {
    headers: { 'Upstash-Workflow-RunId': `wfr_${'x'.repeat(300)}` },
  }),
  call('POST', '/v2/trigger/${DEST}/run', 400, 'trigger with a header that a destination must not get', {
    headers: { 'Upstash-Forward-X': 'a\tb\u0001' },
  }),
  batch('', 400, 'no body'),
  batch('{}', 400, 'an object'),
  batch('null', 400, 'null'),
  batch('[null]', 400, 'an item that is null'),
  batch('[[]]', 400, 'an item that is a list'),
  batch('[{}]', 400, 'an item without a destination'),
  batch('[{"destination":1}]', 400, 'a destination that is a number'),
  batch('[{"destination":"ftp://x"}]', 400, 'a destination of another scheme'),
  batch('[{"destination":"${DEST}/run","headers":[1]}]', 400, 'headers that are a list'),
  batch('[{"destination":"${DEST}/run"},{"destination":"nowhere"}]', 400, 'one item of two that is wrong'),
  batch(deep, 400, 'nested 10,000 deep'),
  batch('[{"destination":"${DEST}/run","headers":{"Upstash-Label":"a\\u0007b"}}]', 400, 'a label that rings a bell'),

  begin({ 'Upstash-Workflow-RunId': 'wfr_a/b' }, 'run id with a slash'),
  begin({ 'Upstash-Workflow-RunId': 'wfr_a b' }, 'run id with a blank'),
  begin({ 'Upstash-Workflow-RunId': 'wfr_a%00' }, 'run id with an encoded NUL'),
  begin({ 'Upstash-Workflow-RunId': 'wfr_\u00fc' }, 'run id with a letter that is not ASCII'),
  begin({ 'Upstash-Workflow-RunId': `wfr_${long}` }, 'run id of 261 characters'),
  begin({ 'Upstash-Retries': '-1' }, 'run with negative retries'),
  begin({ 'Upstash-Not-Before': 'tomorrow' }, 'run with a time that is text'),
  begin({ 'Upstash-Timeout': '0' }, 'run with a timeout of zero'),
  begin({ 'Upstash-Redact-Fields': 'everything' }, 'run with an unknown field to hide'),
  begin({ 'Upstash-Forward-Upstash-Workflow-Invoke-Count': '1e9' }, 'run that is invoked too deep'),
  begin({ 'Upstash-Workflow-Invoke': 'true' }, 'invocation without an envelope', { body: 'no json' }),
  begin({ 'Upstash-Workflow-Invoke': 'true' }, 'invocation with an envelope that is null', { body: 'null' }),
  begin({ 'Upstash-Workflow-Invoke': 'true' }, 'invocation nested 10,000 deep', { body: deep }),
  call('POST', '/v2/publish/${DEST}/run', 400, 'step of a run that does not exist', { headers: unknownRun }),
  call('POST', '/v2/publish/${DEST}/run', [400, 412], 'step of a run named like an inherited property', {
    headers: { ...unknownRun, 'Upstash-Workflow-RunId': '__proto__' },
  }),

  wait('', 'no body'),
  wait('null', 'null'),
  wait(deep, 'nested 10,000 deep'),
  wait('{"url":"${DEST}/run","timeout":"1e9d","step":{"__proto__":{}}}', 'an inherited property'),
  call('POST', '/v2/wait/', [400, 412], 'wait for nothing', { headers: unknownRun }),
  call('POST', '/v2/wait/%E0%A4%A', 412, 'wait for an event with a broken percent-encoding', { headers: unknownRun }),
  call('POST', '/v2/wait/e', 412, 'wait without a run'),
  call('POST', '/v2/notify', 412, 'notify of nothing'),
  call('POST', '/v2/notify/', 412, 'notify of an empty event'),
  call('POST', '/v2/notify/%E0%A4%A', 412, 'notify with a broken percent-encoding'),
  call('POST', '/v2/notify/__proto__', 201, 'notify of an event named like an inherited property'),
  call('POST', '/v2/notify/wfr_none/e', 201, 'notify of a run that does not exist'),
  call('POST', `/v2/notify/${'x'.repeat(5000)}`, [201, 412], 'notify of an event of 5,000 characters'),
  call('GET', '/v2/waiters', [400, 404], 'waiters of nothing'),
  call('GET', '/v2/waiters/%E0%A4%A', 400, 'waiters with a broken percent-encoding'),
  call('GET', '/v2/waiters/*', 200, 'a pattern in an event is text'),
  call('GET', '/v2/waiters/constructor', 200, 'waiters of an event named like an inherited function'),

  call('GET', '/v2/workflows/runs/__proto__', 404, 'log of a run named like an inherited property'),
  call('GET', `/v2/workflows/runs/${long}`, [400, 404], 'log of a run with an id of 257 characters'),
  call('GET', '/v2/workflows/runs/%00', [400, 404], 'log of a run named NUL'),
  call('GET', '/v2/workflows/runs/%E0%A4%A', [400, 404], 'log of a run with a broken percent-encoding'),
  call('DELETE', '/v2/workflows/runs/wfr_none?cancel=true', 404, 'cancellation of a run that does not exist'),
  call('DELETE', '/v2/workflows/runs/constructor', 404, 'cancellation of a run named like an inherited function'),
  ...[
    ['', 'nothing'],
    ['workflowRunIds=', 'an empty list of ids'],
    ['label=', 'an empty label'],
    ['labeel=x', 'a misspelled filter'],
    ['count=0', 'count zero'],
    ['count=1e3', 'a count with an exponent'],
    ['fromDate=abc', 'a time that is text'],
    ['workflowUrlExactMatch=maybe&workflowUrl=http://x', 'a match that is no boolean'],
    ['__proto__=x', 'the name of an inherited property'],
  ].map(([query = '', name = '']) =>
    call('DELETE', `/v2/workflows/runs${query && `?${query}`}`, 400, `cancellation: ${name}`),
  ),
  ...['[]', 'null', '"all"', '{"workflowRunIds":"all"}', '{"labeel":"x"}', 'no json', deep].map((body) =>
    call('DELETE', '/v2/workflows/runs', 400, `cancellation with the body ${body.slice(0, 30)}`, { body }),
  ),

  ...[
    ['cursor=abc', 'a cursor that is none'],
    ['cursor=MSAy&cursor=MSAy', 'two cursors'],
    ['count=0', 'count zero'],
    ['count=-1', 'a negative count'],
    ['fromDate=yesterday', 'a time that is text'],
    ['workflowCreatedAt=abc', 'a time of creation that is text'],
    ['label[]=a', 'brackets in a name'],
    ['__proto__=x', 'the name of an inherited property'],
  ].flatMap(([query = '', name = '']) => [
    call('GET', `/v2/workflows/logs?${query}`, 400, `log of runs: ${name}`),
    call('GET', `/v2/workflows/events?${query}`, 400, `events of runs: ${name}`),
  ]),
  ...[
    ['cursor=abc', 'a cursor that is none'],
    ['count=0', 'count zero'],
    ['dlqIds=', 'an empty list of ids'],
    ['labeel=x', 'a misspelled filter'],
    ['responseStatus=abc', 'a status that is text'],
    ['failureFunctionState=x', 'a state that there is not'],
    ['__proto__=x', 'the name of an inherited property'],
  ].flatMap(([query = '', name = '']) => [
    call('GET', `/v2/dlq?source=workflow&${query}`, 400, `dead letters of runs: ${name}`),
    call('GET', `/v2/workflows/dlq?${query}`, 400, `dead letters of runs: ${name}`),
    call('DELETE', `/v2/workflows/dlq?${query}`, 400, `removal of dead letters of runs: ${name}`),
    call('POST', `/v2/workflows/dlq/resume?${query}`, 400, `resume: ${name}`),
    call('POST', `/v2/workflows/dlq/restart?${query}`, 400, `restart: ${name}`),
  ]),
  ...['__proto__', '%00', '99999999999999999999-1', '-1--1', 'a%2Fb', long].flatMap((id) => [
    call('GET', `/v2/workflows/dlq/${id}`, [400, 404], `dead letter of a run: ${id.slice(0, 30)}`),
    call('DELETE', `/v2/workflows/dlq/${id}`, [400, 404], `removal of a dead letter of a run: ${id.slice(0, 30)}`),
    call('POST', `/v2/workflows/dlq/resume/${id}`, [400, 404], `resume of a dead letter: ${id.slice(0, 30)}`),
    call('POST', `/v2/workflows/dlq/restart/${id}`, [400, 404], `restart of a dead letter: ${id.slice(0, 30)}`),
    call('POST', `/v2/workflows/dlq/callback/${id}`, [400, 404], `failure function: ${id.slice(0, 30)}`),
    call('DELETE', `/v2/workflows/dlq/callback/${id}`, [400, 404], `end of a failure function: ${id.slice(0, 30)}`),
  ]),
  call('GET', '/v2/workflows/logs?state=RUN_FALIED', 400, 'a misspelled state of runs'),
  call('POST', '/v2/workflows/dlq/resume', 400, 'resume of nothing in particular'),
  call('POST', '/v2/workflows/dlq/restart', 400, 'restart of nothing in particular'),
  call('DELETE', '/v2/workflows/dlq', 400, 'removal of nothing in particular'),
  call('POST', '/v2/workflows/dlq/resume?dlqIds=1-0', 404, 'resume of an unknown dead letter'),
  call('DELETE', '/v2/workflows/dlq?dlqIds=1-0', 404, 'removal of unknown dead letters'),
  call('POST', '/v2/messages/no-such/retry', 404, 'delivery at once of an unknown message'),
  call('POST', '/v2/messages/__proto__/retry', 404, 'delivery at once of an inherited property'),

  hook('defaultUser/wfr_none/e', 404, 'a run that does not exist'),
  hook('__proto__/wfr_none/e', 404, 'a user named like an inherited property'),
  hook('a/b', 401, 'too few segments'),
  hook('a/b/c/d', 401, 'too many segments'),
  hook('%00/wfr_none/e', 404, 'a user named NUL'),
  hook('a/%E0%A4%A/e', 400, 'a broken percent-encoding'),
  hook('a/wfr_none/e?qstash_token=${TOKEN}', 404, 'a token in the query'),
];
