import { bucketEndsMs } from './counter.ts';
import { estimateQuantile } from './read-stats.ts';

const none = [...bucketEndsMs.map(() => 0), 0];
const put = (...counts: [endMs: number, count: number][]) =>
  none.map((_, index) => counts.find(([endMs]) => endMs === (bucketEndsMs[index] ?? Infinity))?.[1] ?? 0);

test('without attempts there is no duration', () => expect(estimateQuantile(none, 0.95)).toBe(0));

test.each([
  ['all in one bucket', put([50, 100]), 0.5, 38],
  ['in the second of two', put([10, 50], [100, 50]), 0.95, 95],
  ['in the first of two', put([10, 90], [100, 10]), 0.5, 8],
  ['longer than every bucket', put([Infinity, 3]), 0.5, 300_000],
])('%s', (_name, buckets, share, wanted) => expect(estimateQuantile(buckets, share)).toBe(wanted));
