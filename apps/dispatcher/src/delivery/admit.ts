import type { Job } from '@posthorn/broker';

/** A destination is slow when one of its attempts runs for longer than this. */
const slowMs = 1000;
/** A slow destination may take this many times the slots that are free: it is slowed before it has them all. */
const share = 4;
/** How long a message of a slow destination steps aside, at least and at most. */
const asideMs = [1000, 3000] as const;

/** Keeps a slow or dead destination from taking every slot of a worker, so that others do not wait for it. */
export interface Admission {
  /** Milliseconds for which the message must step aside; 0 when it has a slot, which `leave` gives back. */
  admit(job: Job): number;
  leave(job: Job): void;
}

/**
 * One worker's slots. A destination that answers quickly may use all of them. A slow one gets at most `share` times
 * those that are free: alone it gets most, with every other slow destination less, and some stay free for the rest.
 */
export function createAdmission(slots: number, now: () => number): Admission {
  const startsByOrigin = new Map<string, Map<string, number>>();
  let used = 0;

  return {
    admit({ id, message }) {
      const origin = readOrigin(message.url);
      const starts = startsByOrigin.get(origin) ?? new Map<string, number>();
      const [oldest] = starts.values();
      const isSlow = oldest !== undefined && now() - oldest > slowMs;
      if (isSlow && starts.size >= Math.max(1, share * (slots - used - 1))) {
        return asideMs[0] + Math.random() * (asideMs[1] - asideMs[0]);
      }
      starts.set(id, now());
      startsByOrigin.set(origin, starts);
      used++;
      return 0;
    },
    leave({ id, message }) {
      const origin = readOrigin(message.url);
      const starts = startsByOrigin.get(origin);
      if (!starts?.delete(id)) return;
      used--;
      if (starts.size === 0) startsByOrigin.delete(origin);
    },
  };
}

/** Scheme, host and port of a URL, as its text has them. */
function readOrigin(url: string): string {
  const end = url.slice(8).search(/[/?]/);
  return (end < 0 ? url : url.slice(0, end + 8)).toLowerCase();
}
