import type { Contenders } from './contenders.ts';
import { bodyBytes, publishBatches, publishMany, publishSteadily } from './load.ts';
import { average, measure, printCosts, quantile, round, takeLatencies, type Cost } from './measure.ts';

const messagesPerRound = 10_000;
const rounds = 3;
const warmUp = 5000;
const steady = { perSecond: 100, seconds: 10 };

/** What a message costs when as many as possible are sent, `inFlight` at a time. */
export async function benchSaturated(
  { counts, product, floor, receiver }: Contenders,
  inFlight: number,
): Promise<void> {
  const destination = `${receiver}/m`;
  const costs = { product: [] as Cost[], batch: [] as Cost[], floor: [] as Cost[] };
  const send = (contender: typeof product, count: number) =>
    measure(contender, receiver, count, () => publishMany(contender.url, destination, count, inFlight));
  const sendBatches = (count: number) =>
    measure(product, receiver, count, () => publishBatches(product.url, destination, count));

  await send(product, warmUp);
  await send(floor, warmUp);
  for (let n = 0; n < rounds; n++) {
    costs.product.push(await send(product, messagesPerRound));
    costs.batch.push(await sendBatches(messagesPerRound));
    costs.floor.push(await send(floor, messagesPerRound));
  }
  await takeLatencies(receiver);
  await publishSteadily(product.url, `${receiver}/timed`, steady.perSecond, steady.seconds);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const latencies = await takeLatencies(receiver);

  const result = { product: average(costs.product), batch: average(costs.batch), floor: average(costs.floor) };
  const latencyMs = { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), of: latencies.length };
  const ratio = round(result.product.total / result.floor.total);
  const batchRatio = round(result.batch.api / result.product.api);
  printCosts(result);
  console.log(`publish to arrival at ${steady.perSecond}/s: p50 ${latencyMs.p50} ms, p99 ${latencyMs.p99} ms`);
  console.log(`product / floor, ${inFlight} in flight: ${ratio}`);
  console.log(`API, a message in a batch of 1,000 / a message published alone: ${batchRatio}`);
  const about = { messages: messagesPerRound * rounds, inFlight, bodyBytes, ...counts, node: process.versions.node };
  console.log(JSON.stringify({ ...about, ...result, latencyMs, ratio, batchRatio }));
}
