import type { Random } from '../random.ts';

/** One step of a workflow that a test makes up, and what it gives. */
export type Operation =
  | { kind: 'run'; value: number }
  | { kind: 'sleep' }
  | { kind: 'call'; value: number }
  | { kind: 'event' }
  | { kind: 'parallel'; values: number[] }
  | { kind: 'invoke'; value: number };

const kinds = ['run', 'run', 'run', 'sleep', 'call', 'event', 'parallel', 'invoke'] as const;

/** A workflow of 2 to `maxSteps` steps. */
export function createProgram(random: Random, maxSteps: number): Operation[] {
  return Array.from({ length: random.between(2, maxSteps) }, (): Operation => {
    const kind = kinds[random.between(0, kinds.length - 1)] ?? 'run';
    const value = random.between(1, 1000);
    if (kind === 'parallel') return { kind, values: Array.from({ length: random.between(2, 5) }, (_, n) => value + n) };
    return kind === 'sleep' || kind === 'event' ? { kind } : { kind, value };
  });
}

/** The event that a step waits for, by its index in the program. */
export function nameEvent(workflowRunId: string, index: number): string {
  return `${workflowRunId}-event-${index}`;
}

/** What the workflow must return. */
export function expectResult(workflowRunId: string, program: readonly Operation[]): unknown[] {
  return program.map((operation, index) => {
    switch (operation.kind) {
      case 'run':
        return operation.value;
      case 'sleep':
        return null;
      case 'call':
        return 200;
      case 'event':
        return `data of ${nameEvent(workflowRunId, index)}`;
      case 'parallel':
        return operation.values;
      case 'invoke':
        return operation.value * 2;
    }
  });
}
