import { ConfigurationError } from './env.ts';
import { listPorts, readProcessNumber } from './process-number.ts';

test.each([
  [['1'], 1],
  [['64'], 64],
  [[], undefined],
  [['0'], undefined],
  [['65'], undefined],
  [['-1'], undefined],
  [['1.5'], undefined],
  [['--number'], undefined],
])('the arguments %j give the number %s', (args, number) => {
  expect(readProcessNumber(args)).toBe(number);
});

test('each process has the port after that of the one before', () => {
  expect(listPorts('PROBE_PORT', 8081, 1)).toEqual([8081]);
  expect(listPorts('PROBE_PORT', 8081, 3)).toEqual([8081, 8082, 8083]);
  expect(listPorts('PROBE_PORT', 65_534, 2)).toEqual([65_534, 65_535]);
});

test('without a port none of them has one', () => {
  expect(listPorts('PROBE_PORT', 0, 3)).toEqual([]);
});

test('ports above the highest are an error that names the variable and the highest value', () => {
  const list = () => listPorts('METRICS_PORT', 65_534, 3);
  expect(list).toThrow(ConfigurationError);
  expect(list).toThrow(/^METRICS_PORT: use at most 65533: .*3 processes/);
});
