import { parseMetrics } from './metrics.ts';

test('values are summed over their labels', () => {
  const metrics = parseMetrics(
    '# HELP a b 7\n# TYPE a gauge\na{shard="0"} 2\na{shard="1",x="} 9"} 3\nb 4.5 1700000000\n',
  );
  expect([metrics('a'), metrics('b'), metrics('c')]).toEqual([5, 4.5, undefined]);
});

test('without metrics nothing is known', () => {
  expect(parseMetrics('')('a')).toBeUndefined();
  expect(parseMetrics('<html>404 not found</html>')('a')).toBeUndefined();
});
