import type { TestRedis } from '@posthorn/testkit';
import type { BrokerOptions, BrokerParts } from '../broker.ts';
import { useBroker } from '../broker.fixture.ts';
import type { RunDelivery } from '../delivery/run-attempts.ts';
import { restoreMessage } from '../engine/shards/stored-message.ts';
import type { PublishRequest } from '../intake/accept.ts';

/** Of the workflows of tests. */
export const url = 'https://a.example/workflow';
export const features = 'LazyFetch,InitialBody,WF_DetectTrigger,WF_TriggerOnConfig';

/** A request of a run as the SDK makes it. */
export const request = (
  runId: string,
  isInit: boolean,
  body: string,
  headers: Record<string, string> = {},
): PublishRequest =>
  plain(body, {
    'Upstash-Workflow-RunId': runId,
    'Upstash-Workflow-Init': String(isInit),
    'Upstash-Feature-Set': features,
    ...headers,
  });

/** A request that belongs to no run. */
export const plain = (body: string, headers: Record<string, string> = {}): PublishRequest => ({
  destination: { kind: 'url', url },
  headers: Object.entries(headers).flat(),
  tokenInQuery: false,
  body: Buffer.from(body),
  callerIp: '::1',
});

/** The body of a step that is done; a plan has `stepId` 0 and a `targetStep`. */
export const step = (stepId: number, more: object = {}) =>
  JSON.stringify({ stepId, stepName: `step ${stepId}`, stepType: 'Run', concurrent: 1, ...more });

/** An element of a log as endpoints get it. */
export interface LogElement {
  messageId: string;
  body: string;
  callType: string;
}

export interface TestRuns {
  readonly server: TestRedis;
  readonly broker: BrokerParts;
  start: (
    runId: string,
    headers?: Record<string, string>,
    payload?: string,
  ) => Promise<{ messageId: string; deduplicated?: true }[]>;
  submit: (runId: string, ...bodies: string[]) => Promise<{ messageId: string; deduplicated?: true }[]>;
  /** The log of a run as its endpoint fetches it; `undefined` if the run is not active. */
  readLog: (runId: string) => Promise<LogElement[] | undefined>;
  /** A field of a run as Redis has it. */
  readField: (runId: string, field: string) => Promise<string>;
  /** The message as a worker gets it. */
  readDelivery: (messageId: string) => Promise<RunDelivery>;
  /** The messages of a run that wait. */
  readDeliveries: (runId: string) => Promise<RunDelivery[]>;
  /** Fails a run at one of its messages; the id of its dead letter. */
  fail: (runId: string, messageId: string) => Promise<string>;
}

/** A broker for all tests of a file, which is complete when the first of them begins. */
export function useRuns(options: Partial<BrokerOptions> = {}): TestRuns {
  const stage = useBroker(4, options);

  const readField = async (runId: string, field: string) => {
    const [key = ''] = await stage.server.client.keys(`*:run:state:${runId}`);
    return (await stage.server.client.hget(key, field)) ?? '';
  };
  const readDelivery = async (id: string): Promise<RunDelivery> => {
    const [key = ''] = await stage.server.client.keys(`*:deliver:${id}`);
    const data = (await stage.server.client.hget(key, 'data')) ?? '';
    const message = restoreMessage(JSON.parse(data)) as RunDelivery['message'];
    return { id, message, shard: Number(/\{d(\d+)\}/.exec(key)?.[1]), retried: 0, crashes: 0 };
  };
  return {
    get server() {
      return stage.server;
    },
    get broker() {
      return stage.broker;
    },
    readField,
    readDelivery,
    start: (runId, headers = {}, payload = 'payload') =>
      stage.broker.publishBatch([request(runId, true, payload, headers)]) as ReturnType<TestRuns['start']>,
    submit: (runId, ...bodies) =>
      stage.broker.publishBatch(bodies.map((body) => request(runId, false, body))) as ReturnType<TestRuns['submit']>,
    async readLog(runId) {
      let text = '';
      for await (const piece of (await stage.broker.workflows.readLog(runId)) ?? []) text += piece.toString();
      return text === '' ? undefined : (JSON.parse(text) as LogElement[]);
    },
    async readDeliveries(runId) {
      const keys = await stage.server.client.keys('*:deliver:msg_*');
      const deliveries = await Promise.all(keys.map((key) => readDelivery(key.replace(/.*:/, ''))));
      return deliveries.filter(({ message }) => (message as Partial<RunDelivery['message']>).workflow?.runId === runId);
    },
    async fail(runId, messageId) {
      const response = { status: 500, header: {}, body: Buffer.from('broken') };
      await stage.broker.workflows.settle(
        await readDelivery(messageId),
        { kind: 'failed', error: 'broken', response },
        1000,
      );
      return readField(runId, 'dlqId');
    },
  };
}
