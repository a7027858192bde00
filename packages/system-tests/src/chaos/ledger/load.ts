import { eventually } from '@posthorn/testkit';
import type { Random } from '../../random.ts';
import type { Order, Publisher } from './publisher.ts';

export interface LoadOptions {
  /** Messages per second, about. */
  perSecond: number;
  /** URL of the receiver. */
  receiver: string;
  random: Random;
  /** A URL group with three endpoints at the receiver. */
  group: string;
  /** Names of queues with parallelism 1. */
  queues: readonly string[];
}

export interface Load {
  /** No more publishes; resolves when the last one is answered. */
  stop(): Promise<void>;
}

/** How many requests may wait for their response; beyond that a stuck API is not pressed any harder. */
const maxInFlight = 500;
const flowKeys = 3;
/** Destinations that are away for a moment use up retries; these last for that and for the failures that are wanted. */
const enoughRetries = '10';

/** Everything that posthorn does, mixed: some of each in every second. */
export function startLoad(publisher: Publisher, { perSecond, receiver, random, group, queues }: LoadOptions): Load {
  let isStopped = false;
  const at = (query: string) => `${receiver}/m?${query}`;

  const plain = (): Order => ({
    sort: 'plain',
    ends: 'delivered',
    destination: at(`ms=${random.between(0, 300)}`),
    bodyBytes: random.next() < 0.03 ? 30_000 : 200,
  });
  const sorts: { parts: number; messages: number; make(): Order | Order[] }[] = [
    { parts: 40, messages: 1, make: plain },
    { parts: 4, messages: 10, make: () => Array.from({ length: 10 }, plain) },
    { parts: 5, messages: 3, make: () => ({ sort: 'group', ends: 'delivered', destination: group }) },
    {
      parts: 10,
      messages: 1,
      make: () => ({
        sort: 'delayed',
        ends: 'delivered',
        destination: at('ms=5'),
        delayMs: random.between(1, 4) * 1000,
      }),
    },
    {
      parts: 10,
      messages: 1,
      make() {
        const key = `flow-${random.between(1, flowKeys)}`;
        return {
          sort: 'flow',
          ends: 'delivered',
          destination: at(`ms=10&flow=${key}&max=3`),
          headers: { 'Upstash-Flow-Control-Key': key, 'Upstash-Flow-Control-Value': 'parallelism=3' },
        };
      },
    },
    {
      parts: 8,
      messages: 2,
      make: () => ({ sort: 'told', ends: 'delivered', destination: at('ms=5'), callback: 'callback' }),
    },
    {
      parts: 8,
      messages: 1,
      make: () => ({
        sort: 'again',
        ends: 'delivered',
        destination: at(`fails=${random.between(1, 2)}`),
        headers: { 'Upstash-Retry-Delay': '300', 'Upstash-Retries': enoughRetries },
      }),
    },
    {
      parts: 4,
      messages: 2,
      make: () => ({
        sort: 'dead',
        ends: 'dead',
        destination: at('status=500'),
        headers: { 'Upstash-Retries': '1', 'Upstash-Retry-Delay': '200' },
        callback: 'failure-callback',
      }),
    },
  ];
  const choices = sorts.flatMap((sort) => Array.from({ length: sort.parts }, () => sort));

  const publishAll = async () => {
    const startedAt = performance.now();
    let sent = 0;
    while (!isStopped) {
      const owed = ((performance.now() - startedAt) / 1000) * perSecond - sent;
      for (let left = owed; left > 0 && publisher.inFlight() < maxInFlight;) {
        const { messages, make } = random.pick(choices);
        const order = make();
        void (Array.isArray(order) ? publisher.publishBatch(order) : publisher.publish(order));
        left -= messages;
        sent += messages;
      }
      // What a stuck API has not taken is not made up for later.
      if (owed > perSecond) sent += owed - perSecond;
      await sleep(10);
    }
  };

  /** One after the other, so that the order of acknowledgement is known. */
  const publishQueue = async (queue: string) => {
    while (!isStopped) {
      await publisher.publish({
        sort: 'queue',
        ends: 'delivered',
        destination: at(`ms=2&fails=${random.next() < 0.05 ? 1 : 0}`),
        headers: { 'Upstash-Queue-Name': queue, 'Upstash-Retry-Delay': '100', 'Upstash-Retries': enoughRetries },
        queue,
      });
      await sleep(random.between(50, 150));
    }
  };

  const running = Promise.all([publishAll(), ...queues.map(publishQueue)]);
  return {
    async stop() {
      isStopped = true;
      await running;
      await eventually(() => publisher.inFlight() === 0, 60_000);
    },
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
