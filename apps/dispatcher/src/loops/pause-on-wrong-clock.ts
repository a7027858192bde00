import type { ShardWorker } from '@posthorn/broker';
import { everySecond } from '@posthorn/process';

export interface ClockPauseOptions {
  workers: readonly ShardWorker[];
  /** Whether the clock of this process differed too much from that of Redis when it was last read. */
  isWrong: () => boolean;
}

export interface ClockPause {
  isPaused(): boolean;
  stop(): void;
}

/**
 * Pauses the workers while the clock of this process is wrong, from their first message on: BullMQ decides by the clock
 * of its caller which messages are due.
 */
export function pauseOnWrongClock({ workers, isWrong }: ClockPauseOptions): ClockPause {
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
