// What must compile and what must not; checked by tsc and never run. The types are written out in this package, so that
// its users see fields with their units and need no zod; here they are held against the contract.
import type * as contract from '@posthorn/shared';
import { readBody, type H3 } from 'h3';
import { verifySignatureH3 } from './frameworks/h3.ts';
import type * as sdk from './index.ts';

declare const client: sdk.Client;
declare const request: sdk.PublishRequest;
const url = 'https://a.example';

/** Whether both have the same fields with the same types, apart from whether the compiler shows them alike. */
type Same<A, B> = [Flat<A>, Flat<B>] extends [Flat<B>, Flat<A>] ? true : false;
type Flat<T> = T extends unknown ? { [K in keyof T]: Exclude<T[K], undefined> } : never;
type AsShown<T> = Omit<T, 'urlGroup' | 'ratePerSecond'>;
/** Old servers leave these out, so the official types have them optional. */
type Loose<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the parameter is the check
declare function same<_T extends true>(): void;

same<Same<sdk.PublishToUrlResponse, Omit<contract.Published, 'deduplicated'> & { deduplicated?: boolean }>>();
same<Same<sdk.BatchFailure, contract.BatchFailure>>();
same<Same<AsShown<sdk.Message>, Loose<contract.MessageView, 'callerIP' | 'callerIp'>>>();
same<Same<AsShown<sdk.DlqMessage>, Loose<contract.DlqMessage, 'callerIP' | 'callerIp' | 'responseStatus'>>>();
same<Same<AsShown<sdk.Schedule>, Loose<contract.Schedule, 'callerIP' | 'callerIp' | 'nextScheduleTime'>>>();
same<Same<sdk.QueueResponse, contract.Queue>>();
same<Same<Omit<sdk.UrlGroup, 'endpoints'>, Omit<contract.UrlGroup, 'endpoints'>>>();
same<Same<sdk.UrlGroup['endpoints'][number], contract.UrlGroup['endpoints'][number]>>();
same<Same<sdk.Endpoint, contract.GroupEndpoint>>();
same<Same<sdk.FlowControlInfo, contract.FlowControlKey>>();
same<Same<sdk.GlobalParallelismInfo, contract.GlobalParallelism>>();
same<Same<sdk.SigningKeyPair, contract.SigningKeys>>();
same<[contract.State] extends [sdk.State] ? true : false>();
same<[keyof contract.LogEntryView] extends [keyof sdk.Log | 'responseHeader' | 'retryDelayExpr'] ? true : false>();
// @ts-expect-error a field that the contract does not have
same<Same<sdk.QueueResponse & { other: 1 }, contract.Queue>>();

export async function compiles(): Promise<void> {
  (await client.publish({ url })).url satisfies string;
  (await client.publish({ urlGroup: 'g' })).map(({ messageId }) => messageId) satisfies string[];
  await client.publishJSON<{ n: number }>({ url, body: { n: 1 } });
  (await client.publish(request)) satisfies { messageId: string } | { messageId: string }[];
  (await client.batch([{ url }, { url, queueName: 'q', body: 'text' }])).map(({ url: to }) => to) satisfies string[];
  await client.batchJSON([{ url, body: { n: 1 } }, { urlGroup: 'g' }]);
  await client.publish({ url, label: ['a', 'b'], headers: { a: 'b' }, retries: 0, delay: '1h', timeout: 30 });
  const retries: number = Math.random();
  await client.publish({ url, retries });
  await client.queue({ queueName: 'q' }).enqueueJSON({ url, body: [1], retries: 3 }, { timeoutMs: 1000 });
  await client.logs({ filter: { label: ['a'], state: 'DELIVERED' }, cursor: 'c' });
  await client.messages.cancel({ filter: { urlGroup: 'g' }, count: 10 });
  (await send({ url })) satisfies { messageId: string } | { messageId: string }[];
}

/** A wrapper for any request names the type of them all. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as such wrappers are written
async function send<T extends sdk.PublishRequest>(one: T) {
  return client.publish<sdk.PublishRequest>(one);
}

export async function doesNotCompile(): Promise<void> {
  // @ts-expect-error no destination
  await client.publish({ body: 'text' });
  // @ts-expect-error two destinations
  await client.publish({ url, urlGroup: 'g' });
  // @ts-expect-error a misspelled field
  await client.publish({ url, retrys: 3 });
  // @ts-expect-error a misspelled field of JSON
  await client.publishJSON({ url, bdy: {} });
  // @ts-expect-error a misspelled field of an item
  await client.batch([{ url, queue: 'q' }]);
  // @ts-expect-error a misspelled field of a queue's message
  await client.queue({ queueName: 'q' }).enqueue({ url, delays: 3 });
  // @ts-expect-error negative retries
  await client.publish({ url, retries: -1 });
  // @ts-expect-error a negative delay
  await client.publishJSON({ url, delay: -5 });
  // @ts-expect-error a duration without unit
  await client.publish({ url, delay: '10' });
  // @ts-expect-error no such unit
  await client.publish({ url, timeout: '10ms' });
  // @ts-expect-error no such method
  await client.publish({ url, method: 'HEAD' });
  // @ts-expect-error an object is no body
  await client.publish({ url, body: { n: 1 } });
  // @ts-expect-error another body than promised
  await client.publishJSON<{ n: number }>({ url, body: { n: 'one' } });
  // @ts-expect-error flow control without a limit
  await client.publish({ url, flowControl: { key: 'k' } });
  // @ts-expect-error redaction is never false
  await client.publish({ url, redact: { body: false } });
  // @ts-expect-error ids and a filter
  await client.logs({ messageIds: ['a'], filter: { label: 'a' } });
  // @ts-expect-error no such filter
  await client.logs({ filter: { labeel: 'a' } });
  // @ts-expect-error no such state
  await client.logs({ filter: { state: 'CANCELLED' } });
  // @ts-expect-error a filter must say something
  await client.messages.cancel({ filter: {} });
  // @ts-expect-error nothing named
  await client.messages.cancel({});
  // @ts-expect-error all and a filter
  await client.dlq.delete({ all: true, filter: { label: 'a' } });
  // @ts-expect-error all and a filter of runs
  await client.workflow.cancel({ all: true, filter: { label: 'a' } });
  // @ts-expect-error all is never false
  await client.workflow.deleteDlq({ all: false, filter: { label: 'a' } });
  // @ts-expect-error host is no filter of the DLQ
  await client.dlq.listMessages({ filter: { host: 'a' } });
  // @ts-expect-error neither name nor URL
  await client.urlGroups.removeEndpoints({ name: 'g', endpoints: [{}] });
  // @ts-expect-error a schedule has no notBefore
  await client.schedules.create({ destination: url, cron: '* * * * *', notBefore: 1 });
  // @ts-expect-error a schedule needs a cron
  await client.schedules.create({ destination: url });
}

/** h3 2 does not say which event it is where a handler is used. */
export function usesH3(app: H3): void {
  app.post(
    '/',
    // oxlint-disable-next-line typescript/no-unsafe-argument -- the event is `any` here
    verifySignatureH3(async (event) => ({ got: await readBody<unknown>(event) })),
  );
}
