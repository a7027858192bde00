import { hostname } from 'node:os';
import type { Broker } from '@posthorn/broker';
import { everySecond, type Log } from '@posthorn/process';

const everySeconds = 2;
/** A report that has not changed is repeated after this time; a dispatcher is listed for a minute after its last one. */
const repeatAfterMs = 10_000;

/** Reports regularly that this dispatcher lives, and how many attempts it runs. */
export function startBeat({ dispatchers }: Broker, inFlight: () => number, log: Log): { stop(): Promise<void> } {
  const startedAt = Date.now();
  const id = `${hostname()}-${process.pid}-${startedAt.toString(36)}`;
  let isBusy = false;
  let last = { inFlight: -1, at: 0 };
  const beat = () => {
    const now = { inFlight: inFlight(), at: performance.now() };
    if (isBusy || (now.inFlight === last.inFlight && now.at - last.at < repeatAfterMs)) return;
    isBusy = true;
    last = now;
    dispatchers
      .beat({ id, startedAt, inFlight: now.inFlight })
      .catch((error: unknown) => log.debug({ err: error }, 'beat.failed'))
      .finally(() => (isBusy = false));
  };
  beat();
  const beats = everySecond(beat, everySeconds);
  return {
    async stop() {
      beats.stop();
      await dispatchers.leave(id).catch(() => undefined);
    },
  };
}
