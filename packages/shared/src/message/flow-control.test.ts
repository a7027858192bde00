import { FlowControlValueError, parseFlowControlValue } from './flow-control.ts';

const knownText =
  'Upstash-Flow-Control-Value should be either rate=X or parallelism=Y, or both as comma-separated values: ';

it.each([
  ['parallelism=3', { parallelism: 3, periodSeconds: 1 }],
  ['rate=5', { rate: 5, periodSeconds: 1 }],
  ['rate=10,period=1m', { rate: 10, periodSeconds: 60 }],
  ['parallelism=3, rate=5', { parallelism: 3, rate: 5, periodSeconds: 1 }],
  ['parallelism=20, rate=10, period=1h30m3s', { parallelism: 20, rate: 10, periodSeconds: 5403 }],
  ['period=1d,rate=1', { rate: 1, periodSeconds: 86_400 }],
  ['rate=1,period=30', { rate: 1, periodSeconds: 30 }],
  ['rate=1,period=7d', { rate: 1, periodSeconds: 604_800 }],
  ['rate=1,period=1s', { rate: 1, periodSeconds: 1 }],
  ['rate=1,period=0.5m', { rate: 1, periodSeconds: 30 }],
  ['parallelism=2,period=5s', { parallelism: 2, periodSeconds: 5 }],
  [' \trate=5 ,\tparallelism=1 ', { parallelism: 1, rate: 5, periodSeconds: 1 }],
])('%j is read as %j', (text, value) => {
  expect(parseFlowControlValue(text)).toEqual(value);
});

it.each([
  ['', "'' is none of parallelism=, rate= and period="],
  [' ', "'' is none of"],
  ['period=1m', 'period needs a rate or a parallelism'],
  ['rate=0', "'rate=0' is not a whole number of 1 or more"],
  ['parallelism=0', "'parallelism=0' is not a whole number"],
  ['rate=-1', 'whole number'],
  ['rate=+1', 'whole number'],
  ['rate=1.5', 'whole number'],
  ['rate=1e3', 'whole number'],
  ['rate=0x10', 'whole number'],
  ['rate=', 'whole number'],
  ['rate= 5', 'whole number'],
  ['rate=99999999999999999999', 'whole number'],
  ['parallelism=x', 'whole number'],
  ['parallelism=Infinity', 'whole number'],
  ['rate=10 period=1m', "'rate=10 period=1m' is not a whole number"],
  ['rate:10', "'rate:10' is none of"],
  ['rate =10', 'is none of'],
  ['RATE=10', 'is none of'],
  ['rate', 'is none of'],
  ['rate=1,rate=2', 'rate is given twice'],
  ['parallelism=1,parallelism=2', 'parallelism is given twice'],
  ['rate=1,period=1s,period=1s', 'period is given twice'],
  ['burst=3', "'burst=3' is none of"],
  ['rate=1,burst=3', "'burst=3' is none of"],
  ['rate=1,', "'' is none of"],
  ['rate=1,,parallelism=1', "'' is none of"],
  ['rate=1,period=8d', "'period=8d' is not a duration of whole seconds from 1s to 7d"],
  ['rate=10,period=0s', 'from 1s to 7d'],
  ['rate=1,period=0.5s', 'whole seconds'],
  ['rate=1,period=1.5s', 'whole seconds'],
  ['rate=1,period=abc', 'is not a duration'],
  ['rate=1,period=', 'is not a duration'],
  ['rate=1,periodSeconds=5', 'is none of'],
  ['constructor=1', 'is none of'],
  ['__proto__=1', 'is none of'],
])('%j is refused with the known text and the reason', (text, reason) => {
  const read = () => parseFlowControlValue(text);
  expect(read).toThrow(FlowControlValueError);
  expect(read).toThrow(knownText);
  expect(read).toThrow(reason);
});

it('reads back every value that can be written', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const value = {
      ...(seed % 3 === 0 ? {} : { parallelism: (seed * 7919) % 5000 || 1 }),
      ...(seed % 3 === 1 ? {} : { rate: (seed * 104_729) % 100_000 || 1 }),
      periodSeconds: ((seed * 15_485_863) % 604_800) + 1,
    };
    const { periodSeconds, ...limits } = value;
    const items = Object.entries(limits).map(([name, limit]) => `${name}=${limit}`);
    expect(parseFlowControlValue([...items, `period=${periodSeconds}s`].join(', '))).toEqual(value);
  }
});

it('answers a text of 1 MB soon and briefly', () => {
  for (const text of ['rate=1,', 'rate=', ',', '=', ' ', '1'].map((part) => part.repeat(1_000_000 / part.length))) {
    const before = process.cpuUsage();
    expect(() => parseFlowControlValue(text)).toThrow(/^.{1,250}$/);
    expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
  }
});
