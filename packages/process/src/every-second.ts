const tasks = new Set<() => void>();
let timer: NodeJS.Timeout | undefined;

/**
 * Calls something every second, or every few seconds, together with all else in this process that is called so. A process
 * with nothing to do then wakes up once a second, and what it asks of Redis leaves with one system call.
 */
export function everySecond(task: () => void, seconds = 1): { stop(): void } {
  let left = seconds;
  const count = () => {
    left--;
    if (left > 0) return;
    left = seconds;
    task();
  };
  tasks.add(count);
  timer ??= setInterval(() => {
    for (const each of tasks) each();
  }, 1000);
  return {
    stop() {
      tasks.delete(count);
      if (tasks.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}
