/** What endpoints have carried out, and when something was killed. */
export interface Executions {
  /** @param line `<run id> <step>` */
  add(line: string): void;
  /** Something is killed now; the result is called when it works again. */
  beginOutage(): () => void;
  summarize(): { steps: number; repeated: number; most: number; unexplained: string[] };
}

/** A client, a connection or a lease notices the beginning and the end of an outage this much earlier or later. */
const slackMs = 2000;

export function createExecutions(): Executions {
  const times = new Map<string, number[]>();
  const outages: { from: number; to: number }[] = [];

  return {
    add(line) {
      times.set(line, [...(times.get(line) ?? []), Date.now()]);
    },
    beginOutage() {
      const outage = { from: Date.now() - slackMs, to: Infinity };
      outages.push(outage);
      return () => {
        outage.to = Date.now() + slackMs;
      };
    },
    summarize() {
      // A step is carried out again only after an attempt that failed: something was killed since the one before it.
      const isExplained = (at: number, again: number) => outages.some(({ from, to }) => from <= again && at <= to);
      const counts = [...times.values()].map(({ length }) => length);
      return {
        steps: times.size,
        repeated: counts.filter((count) => count > 1).length,
        most: Math.max(0, ...counts),
        unexplained: [...times].flatMap(([line, all]) =>
          all.slice(1).flatMap((again, index) => (isExplained(all[index] ?? 0, again) ? [] : [line])),
        ),
      };
    },
  };
}
