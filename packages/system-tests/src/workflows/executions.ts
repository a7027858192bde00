/** What endpoints have carried out, and when something was killed. */
export interface Executions {
  /** @param line `<begin of the attempt, in seconds> <run id> <step>` */
  add(line: string): void;
  /** Something is killed now; the result is called when it works again. */
  beginOutage(): () => void;
  summarize(): { steps: number; repeated: number; most: number; unexplained: string[] };
}

/** A client, a connection or a lease notices the beginning and the end of an outage this much earlier or later. */
const slackMs = 2000;

export function createExecutions(): Executions {
  /** Of each step the attempts in which it was carried out, by their begin. */
  const begins = new Map<string, number[]>();
  const outages: { from: number; to: number }[] = [];

  return {
    add(line) {
      const [, seconds = '0', step = ''] = /^(\d+) (.*)$/s.exec(line) ?? [];
      begins.set(
        step,
        [...(begins.get(step) ?? []), Number(seconds) * 1000].sort((a, b) => a - b),
      );
    },
    beginOutage() {
      const outage = { from: Date.now() - slackMs, to: Infinity };
      outages.push(outage);
      return () => {
        outage.to = Date.now() + slackMs;
      };
    },
    summarize() {
      // A step is carried out again only after an attempt that failed: something was killed since that one began.
      const isExplained = (at: number, again: number) =>
        outages.some(({ from, to }) => from <= again + 1000 && at <= to);
      const counts = [...begins.values()].map(({ length }) => length);
      return {
        steps: begins.size,
        repeated: counts.filter((count) => count > 1).length,
        most: Math.max(0, ...counts),
        unexplained: [...begins].flatMap(([step, all]) =>
          all.slice(1).flatMap((again, index) => (isExplained(all[index] ?? 0, again) ? [] : [step])),
        ),
      };
    },
  };
}
