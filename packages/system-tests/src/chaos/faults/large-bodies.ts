import { readFile } from 'node:fs/promises';
import type { Fault } from '../fault.ts';
import { defaultConcurrency } from '../stage.ts';

const bodyBytes = 1_000_000;
/** What docs/operations.md says that a dispatcher needs. */
const maxBytes = 150e6 + 1.5 * defaultConcurrency * bodyBytes;

/** As many bodies of 1 MB in flight as a dispatcher takes, with a heap that is far smaller than they are. */
export const largeBodies: Fault = {
  name: 'large-bodies',
  rows: ['F41'],
  async run(chaos) {
    const heap = { NODE_OPTIONS: '--max-old-space-size=64' };
    const stage = await chaos.stage({ dispatchers: 1, dispatcher: heap });
    let deaths = 0;
    let isOver = false;
    const supervise = async (): Promise<void> => {
      const status = await stage.dispatchers[0]?.exited;
      if (isOver) return;
      deaths++;
      chaos.figure('exitStatus', String(status));
      await stage.startDispatcher(0);
      await supervise();
    };
    void supervise();
    const load = await stage.load(20);
    // All are due at once, when the last one is published, or about then.
    const notBefore = Math.ceil(Date.now() / 1000) * 1000 + 15_000;
    let left = 400;
    const publish = async () => {
      while (left-- > 0) {
        // Two names of one machine are two destinations: one alone never gets all slots.
        const receiver = left % 2 === 0 ? stage.receiver : stage.receiver.replace('127.0.0.1', 'localhost');
        const destination = `${receiver}/m?ms=2000`;
        await stage.publisher.publish({ sort: 'large', ends: 'delivered', destination, bodyBytes, notBefore });
      }
    };
    await Promise.all(Array.from({ length: 8 }, publish));
    await load.stop();
    await chaos.settle(stage, { duplicates: deaths * defaultConcurrency, mayExceed: deaths > 0, timeoutMs: 120_000 });
    isOver = true;
    const status = await readFile(`/proc/${stage.dispatchers[0]?.pid ?? 0}/status`, 'utf8').catch(() => '');
    const peakBytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    chaos.figure('deaths', deaths);
    chaos.figure('peakMegabytes', Math.round(peakBytes / 1e6));
    chaos.claim(`the dispatcher has ended ${deaths} times`, deaths === 0);
    chaos.claim(`its memory was ${peakBytes} bytes at most, ${maxBytes} are documented`, peakBytes <= maxBytes);
  },
};
