import { fuzzSystem } from '../fuzz/system.ts';

test('5,000 requests made from the OpenAPI document: no 5xx, no death, no silence, no response of a wrong form', async () => {
  const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 32);
  const { faults, deaths, statuses } = await fuzzSystem(seed, 5000);
  // The seed tells which requests they were: `npm run test:fuzz 5000 <seed>`.
  expect({ seed, faults, deaths }).toEqual({ seed, faults: [], deaths: 0 });
  // They are not all refused, and not all accepted.
  expect(statuses['200']).toBeGreaterThan(500);
  expect(statuses['400']).toBeGreaterThan(500);
}, 120_000);
