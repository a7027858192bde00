import { originOf, withoutQuery } from './url-parts.ts';

/** How long a URL is confined the first time, doubled each time, and at most. */
const confinedMs = [60_000, 3_600_000] as const;
/** Maximum number of confined URLs, and of origins that have answered in time. The oldest are dropped. */
const maxKnown = 10_000;

/** What earlier attempts have shown: which origins answer in time, and which URLs must not use worker slots for now. */
export interface SlowDestinations {
  /** For a minute, then twice as long each time, messages to this URL start in a slow slot only, whatever its query. */
  confine(url: string): void;
  isConfined(url: string): boolean;
  /** The destination has answered in time: its URL is no longer confined. */
  answeredInTime(url: string): void;
  hasAnsweredInTime(origin: string): boolean;
}

/** @param now a monotonic clock, in milliseconds */
export function createSlowDestinations(now: () => number): SlowDestinations {
  const quickOrigins = new Set<string>();
  const confined = new Map<string, { until: number; forMs: number }>();

  return {
    confine(url) {
      const path = withoutQuery(url);
      const forMs = Math.min(2 * (confined.get(path)?.forMs ?? confinedMs[0] / 2), confinedMs[1]);
      confined.delete(path);
      confined.set(path, { until: now() + forMs, forMs });
      if (confined.size > maxKnown) confined.delete(confined.keys().next().value ?? '');
    },
    isConfined: (url) => confined.size > 0 && (confined.get(withoutQuery(url))?.until ?? 0) > now(),
    answeredInTime(url) {
      if (confined.size > 0) confined.delete(withoutQuery(url));
      const origin = originOf(url);
      if (quickOrigins.has(origin)) return;
      quickOrigins.add(origin);
      if (quickOrigins.size > maxKnown) quickOrigins.delete(quickOrigins.values().next().value ?? '');
    },
    hasAnsweredInTime: (origin) => quickOrigins.has(origin),
  };
}
