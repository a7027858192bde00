/** What a message costs, by the name of what is counted: calls, socket reads, bytes. */
export type Figures = Record<string, number>;

/** Figures of several runs, by the name of the run. */
export type Runs = Record<string, Figures>;

/** Work that goes by time, and the chances of a run, stay below this; one more call per message does not. */
const margin = { share: 0.1, calls: 0.3 };

/** A sentence for each figure that is above the committed one by more than the margin; a new name counts as 0 before. */
export function findRises(committed: Runs, measured: Runs): string[] {
  return Object.entries(measured).flatMap(([run, figures]) =>
    Object.entries(figures)
      .filter(([name, value]) => value > limitOf(committed[run]?.[name] ?? 0))
      .map(([name, value]) => `${run}: ${name} per message: ${value}, and ${committed[run]?.[name] ?? 0} committed`),
  );
}

function limitOf(committed: number): number {
  return committed * (1 + margin.share) + margin.calls;
}
