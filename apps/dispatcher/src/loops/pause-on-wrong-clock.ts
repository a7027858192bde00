import type { ShardWorker } from '@posthorn/broker';
import { everySecond } from '@posthorn/process';

export interface ClockOptions {
  workers: readonly ShardWorker[];
  /** As of the last look at the clock of Redis. */
  isWrong: () => boolean;
}

/** Whether this process may take messages: BullMQ decides by the clock of its caller whose time has come. */
export interface HeededClock {
  isPaused(): boolean;
  stop(): void;
}

/** Lets the workers take nothing while the clock is wrong, from their first message on. */
export function heedClock({ workers, isWrong }: ClockOptions): HeededClock {
  let isPaused = false;
  const look = () => {
    if (isWrong() === isPaused) return;
    isPaused = !isPaused;
    for (const worker of workers) void (isPaused ? worker.pause() : worker.resume());
  };
  look();
  const looks = everySecond(look);
  return {
    isPaused: () => isPaused,
    stop: looks.stop,
  };
}
