import { isRedisUnavailable } from './faults.ts';

/** One of several things that one call of a script does. */
export interface Task<Result> {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * Does several things with one call. A script does them in turn and stops at an error: then it gives the results of those
 * before it, or the error if it was the first. So an error of Redis is about the first task without a result, and the
 * others are done by another call. While Redis is unavailable the error is about all of them.
 */
export async function callTogether<Result, T extends Task<Result>>(
  tasks: readonly T[],
  call: (tasks: readonly T[]) => Promise<Result[]>,
): Promise<void> {
  if (tasks.length === 0) return;
  let ended = 1;
  try {
    const results = await call(tasks);
    ended = results.length;
    for (const [index, result] of results.entries()) tasks[index]?.resolve(result);
  } catch (error) {
    if (isRedisUnavailable(error)) ended = tasks.length;
    for (const { reject } of tasks.slice(0, ended)) reject(error);
  }
  await callTogether(tasks.slice(ended), call);
}

/** Groups of equal keys, each in the order of the tasks. */
export function groupBy<T>(tasks: readonly T[], keyOf: (task: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const task of tasks) {
    const key = keyOf(task);
    const group = groups.get(key);
    if (group) group.push(task);
    else groups.set(key, [task]);
  }
  return [...groups.values()];
}
