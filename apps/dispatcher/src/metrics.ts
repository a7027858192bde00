import type { Delivery, ShardWorker } from '@posthorn/broker';
import type { ProcessMetrics } from '@posthorn/process';
import type { Outcome } from '@posthorn/shared';
import { Counter, Histogram } from 'prom-client';
import type { OwnFaults } from './delivery/own-faults.ts';
import type { SlowAttempts } from './delivery/slow-attempts.ts';
import type { Sender } from './transport/send.ts';

/** Metrics of a dispatcher. They are updated for every message, so labels are resolved beforehand. */
export interface DeliveryMetrics {
  /** A first attempt starts, so long after its message was due. */
  started(delivery: Delivery): void;
  /** The same function, with the time that it takes observed. */
  timed(send: Sender['send']): Sender['send'];
  finished(outcome: Outcome): void;
}

const outcomes = ['delivered', 'retry', 'failed', 'canceled', 'deferred'] as const satisfies Outcome['kind'][];

export interface DeliveryMetricsOptions {
  workers: () => readonly ShardWorker[];
  slots: number;
  slowSlots: number;
  slow: SlowAttempts;
  faults: OwnFaults;
}

export function createDeliveryMetrics(
  { registry, gauge, counter }: ProcessMetrics,
  { workers, slots, slowSlots, slow, faults }: DeliveryMetricsOptions,
): DeliveryMetrics {
  const registers = [registry];
  const attempts = new Counter({
    name: 'posthorn_attempts_total',
    help: 'Attempts by outcome; deferred ones made no request.',
    labelNames: ['outcome'],
    registers,
  });
  const byOutcome = Object.fromEntries(outcomes.map((outcome) => [outcome, attempts.labels(outcome)])) as Record<
    Outcome['kind'],
    Counter.Internal
  >;
  for (const child of Object.values(byOutcome)) child.inc(0);
  const duration = new Histogram({
    name: 'posthorn_attempt_duration_seconds',
    help: 'Time from the start of a request to the end of its response.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200],
    registers,
  });
  const delay = new Histogram({
    name: 'posthorn_delivery_delay_seconds',
    help: 'Time from the moment a message was due (accepted, or the end of its delay) to its first attempt.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200],
    registers,
  });
  const sum = (name: 'fetched' | 'inSlots' | 'detached' | 'takenBack') =>
    workers().reduce((total, worker) => total + worker.progress()[name], 0);
  gauge('dispatcher_slots', 'Messages that this process may have in worker slots at once.', () => slots);
  gauge('dispatcher_messages_held', 'Messages in worker slots of this process.', () => sum('inSlots'));
  gauge('slow_attempts', 'Attempts that take long and have left their worker slot.', () => slow.inUse());
  gauge('slow_attempts_max', 'Most of them at once (MAX_SLOW_ATTEMPTS).', () => slowSlots);
  counter('slow_attempts_ended_total', 'Slow attempts that were ended for want of room.', () => slow.ended());
  counter('messages_fetched_total', 'Messages that this process has fetched.', () => sum('fetched'));
  counter('messages_taken_back_total', 'Messages of dispatchers that ended, which this process has taken back.', () =>
    sum('takenBack'),
  );

  new Counter({
    name: 'posthorn_own_faults_total',
    help: 'Attempts that could not be made because this machine lacked something; they use up no retry.',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      for (const [kind, count] of Object.entries(faults.counts())) this.inc({ kind }, count);
    },
  });

  return {
    started({ retried, message }) {
      if (retried === 0) delay.observe(Math.max(0, Date.now() - message.notBefore) / 1000);
    },
    timed: (send) => async (request, opened) => {
      const startedAt = performance.now();
      const response = await send(request, opened);
      duration.observe((performance.now() - startedAt) / 1000);
      return response;
    },
    finished: ({ kind }) => byOutcome[kind].inc(),
  };
}
