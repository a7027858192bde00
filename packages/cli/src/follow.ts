import { setTimeout as sleep } from 'node:timers/promises';
import { QstashRatelimitError, QstashUnavailableError, type Log } from '@posthorn/sdk';

export interface FollowOptions {
  /** The newest entries that are not older than `fromMs`, oldest first; and whether there are more. */
  read: (fromMs: number, limit: number) => Promise<{ entries: Log[]; isMore: boolean }>;
  print: (entries: Log[]) => void;
  note: (text: string) => void;
  /** Entries that are printed of those that are there already. */
  limit: number;
  signal: AbortSignal;
  /** Resolves when there is something new, or when it is time to look anyway; by default after `pollMs`. */
  changed?: (signal: AbortSignal) => Promise<void>;
  pollMs?: number;
}

/** Entries of several machines come in an order that may be wrong by this much. */
const disorderMs = 5000;
/** The clock here may be ahead of theirs by this much. */
const skewMs = 60_000;

/**
 * Prints the last entries, and then each new one once, until the signal. A log has no end to wait at: entries about as
 * new as the newest known one are read repeatedly, and those that were printed are left out. It waits for a server that
 * is unreachable, and then prints the entries of the meantime.
 */
export async function follow(options: FollowOptions): Promise<void> {
  const { read, print, note, limit, signal, pollMs = 1000 } = options;
  const wait = (ended: AbortSignal) => sleep(pollMs, undefined, { signal: ended }).catch(() => undefined);
  const { changed = wait } = options;
  /** Times of the entries that were printed, as far back as they are read again. */
  const printed = new Map<string, number>();
  let isAway = false;

  const printNew = (entries: Log[], fromMs: number) => {
    const fresh = entries.filter((entry) => entry.time >= fromMs && !printed.has(formatKey(entry)));
    for (const entry of fresh) printed.set(formatKey(entry), entry.time);
    for (const [key, time] of printed) if (time < fromMs) printed.delete(key);
    if (fresh.length > 0) print(fresh);
  };
  const findStart = (entries: Log[], readAtMs: number) =>
    Math.max(entries.at(-1)?.time ?? 0, readAtMs - skewMs) - disorderMs;

  const startedAt = Date.now();
  const { entries, isMore } = await read(0, limit);
  printNew(entries, 0);
  // Older entries than the first of these were left out on purpose.
  const firstMs = isMore ? (entries[0]?.time ?? 0) : 0;
  let fromMs = Math.max(firstMs, findStart(entries, startedAt));
  for (;;) {
    try {
      const readAtMs = Date.now();
      const page = await read(fromMs, Infinity);
      printNew(page.entries, fromMs);
      fromMs = Math.max(fromMs, findStart(page.entries, readAtMs));
      isAway = false;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof QstashUnavailableError || error instanceof QstashRatelimitError)) throw error;
      if (!isAway) note(`${error.detail}; waiting`);
      isAway = true;
    }
    await (isAway ? wait(signal) : changed(signal));
    if (signal.aborted) return;
  }
}

function formatKey({ time, messageId, state }: Log): string {
  return `${time} ${messageId} ${state}`;
}

/** How long a change is waited for while the stream is open, and while it is not. */
const lookMs = { open: 10_000, closed: 1000 };
/** Entries that come together are printed together. */
const gatherMs = 100;

/**
 * Follows the live stream of the server, and says when there is something new. Without a stream, such as that of an older
 * server, it is time to look once a second.
 */
export function watchStream(
  open: () => AsyncIterable<unknown>,
  ended: AbortSignal,
): (signal: AbortSignal) => Promise<void> {
  let isOpen = false;
  let isNew = false;
  let notify: () => void = () => undefined;
  const run = async () => {
    while (!ended.aborted) {
      try {
        for await (const _entry of open()) {
          isOpen = true;
          isNew = true;
          notify();
        }
      } catch {
        // It ends with the server; reading says why.
      }
      isOpen = false;
      await sleep(lookMs.closed, undefined, { signal: ended }).catch(() => undefined);
    }
  };
  void run();
  return async (signal) => {
    const stop = new AbortController();
    const late = sleep(isOpen ? lookMs.open : lookMs.closed, undefined, {
      signal: AbortSignal.any([signal, stop.signal]),
    }).catch(() => undefined);
    if (!isNew) await Promise.race([late, new Promise<void>((resolve) => (notify = resolve))]);
    stop.abort();
    if (isNew) await sleep(gatherMs, undefined, { signal }).catch(() => undefined);
    isNew = false;
  };
}
