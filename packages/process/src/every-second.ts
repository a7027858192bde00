const tasks = new Set<(second: number) => void>();
let timer: NodeJS.Timeout | undefined;
let second = 0;

/**
 * Calls something every second, or every few seconds, together with all else in this process that is called so. A process
 * with nothing to do then wakes up once a second, and what it asks of Redis leaves with one system call. Tasks with the
 * same interval are called in the same second.
 *
 * @param task gets the number of the second, which is the same for all tasks
 */
export function everySecond(task: (second: number) => void, seconds = 1): { stop(): void } {
  const call = (now: number) => {
    if (now % seconds === 0) task(now);
  };
  tasks.add(call);
  timer ??= setInterval(() => {
    second++;
    for (const each of tasks) each(second);
  }, 1000);
  return {
    stop() {
      tasks.delete(call);
      if (tasks.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}
