import { hostname } from 'node:os';
import type { Broker } from '@posthorn/broker';
import { everySecond, type Log } from '@posthorn/process';

const everySeconds = 2;

/** Reports regularly that this dispatcher lives, and how many attempts it runs. */
export function startBeat({ dispatchers }: Broker, inFlight: () => number, log: Log): { stop(): Promise<void> } {
  const startedAt = Date.now();
  const id = `${hostname()}-${process.pid}-${startedAt.toString(36)}`;
  let isBusy = false;
  const beat = () => {
    if (isBusy) return;
    isBusy = true;
    dispatchers
      .beat({ id, startedAt, inFlight: inFlight() })
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
