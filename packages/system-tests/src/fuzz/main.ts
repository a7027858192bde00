// `npm run test:fuzz [requests] [seed]`: requests made from the OpenAPI document against a running system.
import { fuzzSystem } from './system.ts';

const requests = Number(process.argv[2] ?? process.env['FUZZ_REQUESTS'] ?? 100_000);
const seed = Number(process.argv[3] ?? process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 32);
console.log(`${requests} requests, seed ${seed}`);

const report = await fuzzSystem(seed, requests, (done) => {
  if (done % 100_000 === 0) console.log(`${done} sent`);
});
for (const fault of report.faults) console.log(fault);
const { statuses, seconds, faultCount, deaths } = report;
console.log(
  Object.entries(statuses)
    .map(([status, count]) => `${status}: ${count}`)
    .join(', '),
);
console.log(
  `${report.requests} requests in ${Math.round(seconds)} s (${Math.round(report.requests / seconds)}/s), ${faultCount} faults, ${deaths} deaths`,
);
process.exitCode = faultCount + deaths > 0 ? 1 : 0;
