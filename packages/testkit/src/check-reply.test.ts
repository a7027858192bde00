import { checkReply } from './check-reply.ts';

const queue = { name: 'q', createdAt: 1, updatedAt: 1, parallelism: 1, paused: false, lag: 0 };
const check = (path: string, body: unknown, status = 200, method = 'GET') =>
  checkReply(method, path, Response.json(body, { status }));

test('a reply as it is documented passes, whatever the case of its path and its query', async () => {
  await check('/v2/queues/q', queue);
  await check('/V2/Queues/?x=1', [queue]);
  await check('/v2/queues/q', { error: 'queue q not found' }, 404);
  await check('/v2/publish/https://a.example/b?c=d', { messageId: 'm', url: 'u', deduplicated: true }, 202, 'POST');
  await check('/v2/schedules/https://a.example/pause', { scheduleId: 'scd_1' }, 200, 'POST');
  await checkReply('POST', '/v2/schedules/scd_1/pause', new Response());
  await checkReply('DELETE', '/v2/queues/q', new Response());
  await check('/v2/nothing', { error: 'There is none.' }, 404);
});

test.each([
  ['a field that is missing', { ...queue, lag: undefined }, 200, /must have required property 'lag'/],
  ['a field that is not documented', { ...queue, lagg: 1 }, 200, /"additionalProperty":"lagg"/],
  ['a field of another type', { ...queue, paused: 'no' }, 200, /\/paused must be boolean/],
  ['a status that is not documented', queue, 201, /this status is not documented/],
  ['an error without its text', { message: 'no' }, 404, /must have required property 'error'/],
])('%s is named, with the endpoint and the status', async (_name, body, status, fault) => {
  await expect(check('/v2/queues/q', body, status)).rejects.toThrow(fault);
  await expect(check('/v2/queues/q', body, status)).rejects.toThrow(`GET /v2/queues/q answered ${status}`);
});

test('a body where none is documented, text in place of JSON and a reply of no endpoint are faults', async () => {
  await expect(checkReply('DELETE', '/v2/queues/q', new Response('OK'))).rejects.toThrow(/a body is not documented/);
  await expect(checkReply('GET', '/v2/keys', new Response('OK'))).rejects.toThrow(
    /'text\/plain.*' is not the documented content type/,
  );
  await expect(check('/v2/nothing', {})).rejects.toThrow(/this status is not documented/);
});
