import type { ShardWorker } from '@posthorn/broker';

export interface ClockOptions {
  workers: readonly ShardWorker[];
  /** As of the last look at the clock of Redis. */
  isWrong: () => boolean;
}

/** Whether this process may take messages: BullMQ decides by the clock of its caller whose time has come. */
export interface HeededClock {
  isHeld(): boolean;
  stop(): void;
}

const everyMs = 500;

/** Lets the workers take nothing while the clock is wrong, from their first message on. */
export function heedClock({ workers, isWrong }: ClockOptions): HeededClock {
  let isHeld = false;
  const look = () => {
    if (isWrong() === isHeld) return;
    isHeld = !isHeld;
    for (const worker of workers) void (isHeld ? worker.pause() : worker.resume());
  };
  look();
  const timer = setInterval(look, everyMs);
  return {
    isHeld: () => isHeld,
    stop: () => clearInterval(timer),
  };
}
