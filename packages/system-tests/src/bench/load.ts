import { Agent } from 'undici';

const agent = new Agent({ connections: 100 });
const authorization = { Authorization: 'Bearer bench' };
export const bodyBytes = 500;

export async function publish(url: string, destination: string, body: string): Promise<void> {
  const { statusCode, body: reply } = await agent.request({
    origin: url,
    path: `/v2/publish/${destination}`,
    method: 'POST',
    headers: authorization,
    body,
  });
  const text = await reply.text();
  if (statusCode !== 200) throw new Error(`publish answered ${statusCode}: ${text}`);
}

/** Calls `work` with 0 to `count - 1`, `inFlight` calls at a time. */
export async function repeat(count: number, inFlight: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const workUntilDone = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, workUntilDone));
}

/** Publishes `count` messages, `inFlight` of them at a time. */
export async function publishMany(url: string, destination: string, count: number, inFlight = 100): Promise<void> {
  const body = 'x'.repeat(bodyBytes);
  await repeat(count, inFlight, () => publish(url, destination, body));
}

export const batchItems = 1000;

/** Publishes a batch, given as JSON. */
export async function publishBatch(url: string, batch: string): Promise<void> {
  const { statusCode, body } = await agent.request({
    origin: url,
    path: '/v2/batch',
    method: 'POST',
    headers: { ...authorization, 'Content-Type': 'application/json' },
    body: batch,
  });
  await body.dump();
  if (statusCode !== 200) throw new Error(`batch answered ${statusCode}`);
}

/** Publishes `count` messages in batches of 1,000, one after the other. */
export async function publishBatches(url: string, destination: string, count: number): Promise<void> {
  const item = { destination, body: 'x'.repeat(bodyBytes) };
  const batch = JSON.stringify(Array.from({ length: batchItems }, () => item));
  for (let sent = 0; sent < count; sent += batchItems) await publishBatch(url, batch);
}

/** Publishes at a steady rate; every body says when it was sent. */
export async function publishSteadily(
  url: string,
  destination: string,
  perSecond: number,
  seconds: number,
): Promise<void> {
  const sent: Promise<void>[] = [];
  const start = performance.now();
  for (let n = 0; n < perSecond * seconds; n++) {
    const waitMs = start + (n * 1000) / perSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    sent.push(publish(url, destination, `${performance.timeOrigin + performance.now()} `.padEnd(bodyBytes, 'x')));
  }
  await Promise.all(sent);
}
