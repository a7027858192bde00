import type { Broker } from '@posthorn/broker';
import type { Log } from '@posthorn/process';
import { startBeat } from './beat.ts';

const log = { debug: () => undefined } as unknown as Log;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('reports a number of attempts within two seconds after it changed, and every ten seconds besides', async () => {
  const reported: number[] = [];
  const beat = ({ inFlight }: { inFlight: number }) => Promise.resolve(void reported.push(inFlight));
  const dispatchers = { beat, leave: () => Promise.resolve() };
  let inFlight = 0;
  const beats = startBeat({ dispatchers } as unknown as Broker, () => inFlight, log);
  expect(reported).toEqual([0]);
  await jest.advanceTimersByTimeAsync(9000);
  expect(reported).toEqual([0]);
  await jest.advanceTimersByTimeAsync(1000);
  expect(reported).toEqual([0, 0]);
  inFlight = 3;
  await jest.advanceTimersByTimeAsync(2000);
  expect(reported).toEqual([0, 0, 3]);
  await beats.stop();
});
