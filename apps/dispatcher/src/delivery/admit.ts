import type { Job } from '@posthorn/broker';

/** A destination is slow when one of its attempts runs for longer than this; its messages then wait elsewhere. */
const slowMs = 1000;
/** A destination may have this many times the slots that are free: it meets its limit before it has them all. */
const share = 4;
/** How long a message of a slow destination steps aside, at least and at most. */
const asideMs = [1000, 3000] as const;

/** Keeps a slow or dead destination from taking every slot of a worker, so that others do not wait for it. */
export interface Admission {
  /** Resolves to 0 when the message has a slot, which `leave` gives back; else to the time it must step aside, in ms. */
  admit(job: Job): Promise<number>;
  leave(job: Job): void;
}

interface Destination {
  /** When each attempt in flight started, the oldest first. */
  starts: Map<Job, number>;
  /** Start the attempts of those that wait here. */
  waiting: (() => void)[];
}

/**
 * One worker's slots. A destination gets at most `share` times those that are free: alone it gets most of them, beside
 * others less, and some always stay free. A message beyond that waits here for a moment, which is enough for a
 * destination that answers; for one that does not, it goes back to its queue and leaves its place to others.
 */
export function createAdmission(slots: number, now: () => number): Admission {
  const destinations = new Map<string, Destination>();
  let used = 0;
  let waiters = 0;

  const mayStart = ({ starts }: Destination) => starts.size < share * (slots - used);
  const start = (destination: Destination, job: Job) => {
    destination.starts.set(job, now());
    used++;
  };
  const forgetIfIdle = (origin: string, { starts, waiting }: Destination) => {
    if (starts.size === 0 && waiting.length === 0) destinations.delete(origin);
  };

  /** Says whether the attempt was started. */
  const waitForSlot = (origin: string, destination: Destination, job: Job) =>
    new Promise<boolean>((resolve) => {
      const { waiting } = destination;
      const end = (isStarted: boolean) => {
        clearTimeout(timer);
        waiters--;
        if (isStarted) start(destination, job);
        else forgetIfIdle(origin, destination);
        resolve(isStarted);
      };
      const startNow = () => {
        end(true);
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(startNow), 1);
        end(mayStart(destination));
      }, slowMs);
      waiters++;
      waiting.push(startNow);
    });

  return {
    async admit(job) {
      const origin = readOrigin(job.message.url);
      const destination = destinations.get(origin) ?? { starts: new Map<Job, number>(), waiting: [] };
      destinations.set(origin, destination);
      if (mayStart(destination)) {
        start(destination, job);
        return 0;
      }
      const [oldest] = destination.starts.values();
      const isSlow = oldest !== undefined && now() - oldest > slowMs;
      if (!isSlow && (await waitForSlot(origin, destination, job))) return 0;
      return asideMs[0] + Math.random() * (asideMs[1] - asideMs[0]);
    },
    leave(job) {
      const origin = readOrigin(job.message.url);
      const destination = destinations.get(origin);
      if (!destination?.starts.delete(job)) return;
      used--;
      // One slot is free, and it may be anybody's. It is taken in this step, so that nobody comes between.
      if (waiters > 0) {
        const isNext = (other: Destination) => other.waiting.length > 0 && mayStart(other);
        [destination, ...destinations.values()].find(isNext)?.waiting.shift()?.();
      }
      forgetIfIdle(origin, destination);
    },
  };
}

/** Scheme, host and port of a URL, as its text has them. */
function readOrigin(url: string): string {
  const end = url.slice(8).search(/[/?]/);
  return (end < 0 ? url : url.slice(0, end + 8)).toLowerCase();
}
