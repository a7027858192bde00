import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import { bodyBytes, repeat } from '../load.ts';
import { quantile } from '../measure.ts';
import { fillIn, fillInBody, type Adapter, type Values } from './adapter.ts';
import { followArrivals, now } from './arrivals.ts';
import { readCpuTimes, subtractCpuTimes } from './processes.ts';

export interface Load {
  messages: number;
  inFlight: number;
  /** A message counts as lost when nothing has arrived for so long. */
  patienceMs?: number;
}

interface Quantiles {
  p50: number;
  p99: number;
}

export interface Report {
  name: string;
  messages: number;
  inFlight: number;
  bodyBytes: number;
  /** CPU time per message in microseconds, by process; empty for an adapter without processes. */
  cpuUs: Record<string, number>;
  /** From the first publish to the last arrival. */
  perSecond: number;
  /** Until the publish is acknowledged. */
  publishMs: Quantiles;
  /** From publish to arrival. */
  arrivalMs: Quantiles;
  lost: number;
  duplicates: number;
}

const warmUp = 2000;

/**
 * Publishes messages to a system, whose destination is `receiver`, and says what they cost and how long they took.
 *
 * @throws when a publish is refused, or when the first message does not arrive
 */
export async function drive(adapter: Adapter, receiver: string, load: Load): Promise<Report> {
  const { messages, inFlight, patienceMs = 30_000 } = load;
  const run = randomBytes(4).toString('hex');
  const agent = new Agent({ connections: inFlight });
  const arrivals = followArrivals(receiver);
  const publish = createPublish(adapter, agent, receiver);
  let published = 0;

  const send = async (count: number) => {
    const from = published;
    published += count;
    const ids = Array.from({ length: count }, (_, index) => `bench-${run}-${from + index}`);
    const sentAt = new Map<string, number>();
    const tookMs: number[] = [];
    await repeat(count, inFlight, async (n) => {
      const id = ids[n] ?? '';
      const at = now();
      sentAt.set(id, at);
      await publish(id);
      tookMs.push(now() - at);
    });
    await arrivals.wait(ids, patienceMs);
    return { ids, sentAt, tookMs };
  };

  try {
    const first = await send(1);
    if (!first.ids.every((id) => arrivals.firstAt.has(id))) {
      throw new Error(
        `${adapter.name} accepted a message, and no request with its id came to ${receiver} within ` +
          `${patienceMs / 1000} s: check how the adapter gives the destination, {id} and {payload}`,
      );
    }
    await send(Math.min(warmUp, messages));
    const before = readCpuTimes(adapter.processes);
    const { ids, sentAt, tookMs } = await send(messages);
    // The ends of the last messages are still being recorded, and duplicates may follow.
    await sleep(300);
    const used = subtractCpuTimes(readCpuTimes(adapter.processes), before);
    await arrivals.wait(ids, 0);

    const arrived = ids.flatMap((id) => {
      const at = arrivals.firstAt.get(id);
      return at === undefined ? [] : [{ at, ms: at - (sentAt.get(id) ?? at) }];
    });
    const startedAt = sentAt.get(ids[0] ?? '') ?? NaN;
    const endedAt = arrived.reduce((last, { at }) => Math.max(last, at), startedAt);
    return {
      name: adapter.name,
      messages,
      inFlight,
      bodyBytes,
      cpuUs: Object.fromEntries(Object.entries(used).map(([name, us]) => [name, Math.round(us / messages)])),
      perSecond: Math.round((arrived.length / (endedAt - startedAt)) * 1000),
      publishMs: findQuantiles(tookMs),
      arrivalMs: findQuantiles(arrived.map(({ ms }) => ms)),
      lost: messages - arrived.length,
      duplicates: ids.reduce((sum, id) => sum + (arrivals.duplicates.get(id) ?? 0), 0),
    };
  } finally {
    await agent.destroy();
  }
}

function createPublish({ name, publish }: Adapter, agent: Agent, receiver: string): (id: string) => Promise<void> {
  const isJson = typeof publish.body !== 'string';
  const hasType = Object.keys(publish.headers).some((header) => header.toLowerCase() === 'content-type');
  const destination = `${receiver}/`;

  return async (id) => {
    const payload = `${id} `.padEnd(bodyBytes, 'x');
    const values: Values = { id, payload, destination, encodedDestination: encodeURIComponent(destination) };
    const { origin, path } = splitUrl(fillIn(publish.url, values));
    const given = Object.entries(publish.headers).map(([header, text]) => [header, fillIn(text, values)] as const);
    const type = isJson && !hasType ? { 'Content-Type': 'application/json' } : {};
    const { statusCode, body } = await agent.request({
      origin,
      path,
      method: publish.method,
      headers: { ...type, ...Object.fromEntries(given) },
      body: fillInBody(publish.body, values),
    });
    const text = await body.text();
    if (statusCode < 200 || statusCode > 299) {
      throw new Error(`${name} answered a publish with ${statusCode}: ${text.slice(0, 300)}`);
    }
  };
}

/** The path stays as the adapter has it: `URL` would change some of what it may contain. */
function splitUrl(url: string): { origin: string; path: string } {
  const [, origin = '', path = ''] = /^(https?:\/\/[^/?]+)(.*)$/s.exec(url) ?? [];
  return { origin, path: path.startsWith('/') ? path : `/${path}` };
}

function findQuantiles(times: readonly number[]): Quantiles {
  const sorted = times.toSorted((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}
