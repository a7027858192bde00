import { createHistogram, performance as node, type RecordableHistogram } from 'node:perf_hooks';
import { everySecond } from './every-second.ts';

/** While a process works, the delay is measured this often. */
const sampleMs = 100;
/** A process works if its event loop was busy for this share of the last second. */
const busyShare = 0.02;

/**
 * Measures in nanoseconds by how much the event loop is late. Each measurement wakes the process, so an idle one measures
 * only when it wakes up in any case, once a second. It has no delay to find: the event loop was not busy.
 */
export function measureEventLoopDelay(): RecordableHistogram {
  const delays = createHistogram();
  let timer: NodeJS.Timeout | undefined;
  let before = node.eventLoopUtilization();

  const sampleEvery = (ms: number) => {
    let expectedAt = performance.now() + ms;
    return () => {
      const now = performance.now();
      // A histogram takes no 0.
      delays.record(Math.max(1, Math.round((now - expectedAt) * 1e6)));
      expectedAt = now + ms;
    };
  };
  const sampleIdle = sampleEvery(1000);

  everySecond(() => {
    sampleIdle();
    const current = node.eventLoopUtilization();
    const { utilization } = node.eventLoopUtilization(current, before);
    before = current;
    if (utilization < busyShare) {
      clearInterval(timer);
      timer = undefined;
    } else timer ??= setInterval(sampleEvery(sampleMs), sampleMs).unref();
  });
  return delays;
}
