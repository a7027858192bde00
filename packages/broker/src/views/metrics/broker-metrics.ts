import { Counter, Gauge } from 'prom-client';
import type { ProcessMetrics } from '@posthorn/process';
import type { RedisConnection } from '../../engine/redis/connect.ts';
import type { RedisWatch } from '../../engine/redis/watch.ts';
import type { Backlogs } from './backlog.ts';

export interface BrokerMetricsParts {
  redis: RedisConnection;
  watch: RedisWatch;
  backlogs: Backlogs;
  /** Messages accepted since the process started, by kind. */
  accepted: Readonly<Record<string, number>>;
  /** Runs of workflows, and how long the oldest one has been active. */
  runs: () => Promise<{ active: number; ended: number; oldestMs: number }>;
  /** Runs of workflows that this process has ended, by state. */
  endedRuns: Readonly<Record<string, number>>;
  /** Entries of the message log that could not be written. */
  lostEntries: () => number;
}

/** A scrape waits no longer than this for Redis. */
const readWithinMs = 2000;

/** Adds what a broker knows of Redis and of the messages in it to the metrics of its process. */
export function addBrokerMetrics(metrics: ProcessMetrics, parts: BrokerMetricsParts): void {
  const { redis, watch, backlogs, accepted, runs, endedRuns, lostEntries } = parts;
  const { gauge, counter } = metrics;
  const registers = [metrics.registry];
  const inRedis = [metrics.common];
  const settable = (name: string, help: string) => new Gauge({ name: `posthorn_${name}`, help, registers: inRedis });
  const readable = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `posthorn_${name}`,
      help,
      registers: inRedis,
      collect() {
        this.set(read());
      },
    });

  const backlog = {
    waiting: settable('messages_waiting', 'Messages that could be delivered now.'),
    delayed: settable('messages_delayed', 'Messages that wait for their time, a retry, or a slot of a queue or a key.'),
    due: settable('messages_due', 'Delayed messages whose time has come.'),
    inFlight: settable('messages_in_flight', 'Messages with a delivery in flight.'),
    deadLetters: settable('dlq_messages', 'Messages in the dead letter queue.'),
  };
  const oldest = settable(
    'oldest_waiting_seconds',
    'How long the message that waits longest could have been delivered.',
  );
  const ofRuns = {
    active: settable('workflow_runs_active', 'Active runs of workflows.'),
    ended: settable('workflow_runs_ended', 'Runs of workflows that have ended and are remembered.'),
    oldest: settable('workflow_oldest_active_seconds', 'How long the oldest run of a workflow has been active.'),
  };
  gauge('redis_up', '1 when Redis answers.', () => (watch.state().answers ? 1 : 0));
  readable(
    'redis_memory_used_bytes',
    'Memory that Redis uses, as its maxmemory counts it.',
    () => watch.state().memoryUsedBytes,
  );
  readable('redis_memory_max_bytes', "Redis' maxmemory; 0 for no limit.", () => watch.state().memoryMaxBytes);
  gauge(
    'clock_offset_seconds',
    'How far the clock of this process is ahead of that of Redis.',
    () => watch.state().clockOffsetMs / 1000,
  );
  let reconnects = 0;
  redis.on('reconnecting', () => reconnects++);
  counter('redis_reconnects_total', 'Lost connections to Redis.', () => reconnects);
  counter('log_lines_lost_total', 'Entries of the message log that could not be written.', lostEntries);
  new Counter({
    name: 'posthorn_messages_accepted_total',
    help: 'Messages that were stored, by kind.',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      for (const [kind, count] of Object.entries(accepted)) this.inc({ kind }, count);
    },
  });
  new Counter({
    name: 'posthorn_workflow_runs_ended_total',
    help: 'Runs of workflows that this process has ended, by state.',
    labelNames: ['state'],
    registers,
    collect() {
      this.reset();
      for (const [state, count] of Object.entries(endedRuns)) this.inc({ state }, count);
    },
  });

  /** An unknown figure is left out: one that does not change would look healthy. */
  async function readBacklog(): Promise<void> {
    const late = new Promise<undefined>((resolve) => void setTimeout(resolve, readWithinMs, undefined).unref());
    const found = watch.state().answers
      ? await Promise.race([backlogs.readAll().catch(() => undefined), late])
      : undefined;
    for (const [name, one] of Object.entries(backlog)) {
      if (found) one.set(found[name as keyof typeof backlog]);
      else one.remove();
    }
    if (found) oldest.set(found.oldestWaitingMs / 1000);
    else oldest.remove();
    const counted = found ? await Promise.race([runs().catch(() => undefined), late]) : undefined;
    if (counted) {
      ofRuns.active.set(counted.active);
      ofRuns.ended.set(counted.ended);
      ofRuns.oldest.set(counted.oldestMs / 1000);
    } else for (const one of Object.values(ofRuns)) one.remove();
  }

  // Without Redis a scrape tells what the process itself knows.
  metrics.beforeWrite(readBacklog);
}
