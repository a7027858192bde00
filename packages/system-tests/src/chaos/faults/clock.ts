import { eventually, findFreePort, startApp } from '@posthorn/testkit';
import type { Fault } from '../fault.ts';

/** A module that moves the clock of a process some time after its start, or before anything else is loaded. */
const shift = (ms: number, afterMs = 0) =>
  `data:text/javascript,${encodeURIComponent(`
    const Real = Date;
    const now = () => Real.now() + (performance.now() < ${afterMs} ? 0 : ${ms});
    globalThis.Date = class extends Real {
      constructor(...args) { super(...(args.length > 0 ? args : [now()])); }
      static now() { return now(); }
    };
  `)}`;

/** One dispatcher of two has a clock that is an hour off: it must not deliver by it. */
const wrongClock = (name: string, offsetMs: number): Fault => ({
  name: `clock-${name}`,
  rows: ['F31'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 1 });
    const port = await findFreePort();
    const wrong = startApp('dispatcher', {
      REDIS_URL: stage.redisUrl,
      PROBE_PORT: String(port),
      MESSAGE_GRACE_SECONDS: '0',
      NODE_OPTIONS: `--import ${shift(offsetMs)}`,
    });
    try {
      const readiness = await eventually(async () => {
        const response = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => undefined);
        return response && { status: response.status, text: await response.text() };
      }, 30_000);
      chaos.figure('readiness', readiness);
      chaos.claim('the process is not ready', readiness.status === 503);
      const load = await stage.load(100);
      await chaos.pause(5000, 6000);
      await load.stop();
      // None early, and none with a signature of another time: the receiver has the right clock.
      await chaos.settle(stage, { duplicates: 0, mayExceed: true });
    } finally {
      await wrong.end('SIGKILL');
    }
  },
});

export const fastClock = wrongClock('fast', 3_600_000);
export const slowClock = wrongClock('slow', -3_600_000);

/** The clock of one dispatcher of two is set back while it works: by too little to stop it. */
export const clockStepsBack: Fault = {
  name: 'clock-steps-back',
  rows: ['F31'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 1 });
    const stepped = await stage.startDispatcher(1, { NODE_OPTIONS: `--import ${shift(-10_000, 6000)}` });
    const load = await stage.load(100);
    await eventually(() => stepped.output().includes('clock-differs'), 30_000);
    await chaos.pause(5000, 6000);
    await load.stop();
    await chaos.settle(stage, { duplicates: 0, mayExceed: true });
  },
};
