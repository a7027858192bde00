import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

/** The metrics of a process, in the form of Prometheus. No label holds anything that a user chose. */
export interface ProcessMetrics {
  /** For metrics with labels, and histograms. */
  registry: Registry;
  /** For figures of what is in Redis, which every process reports alike. */
  common: Registry;
  /** Adds `posthorn_<name>`, which is read at every scrape. */
  gauge(name: string, help: string, read: () => number): void;
  /** Adds `posthorn_<name>`, whose total is read at every scrape. */
  counter(name: string, help: string, read: () => number): void;
  /** Adds a step that every scrape waits for; it must not reject. Scrapes at the same time share one run. */
  beforeWrite(step: () => Promise<void>): void;
  contentType: string;
  /** The text of all metrics. */
  write(): Promise<string>;
  /** The text of those that every process reports alike. */
  writeCommon(): Promise<string>;
}

/**
 * Creates the metrics that every process has: those of Node.js, and of its log.
 *
 * @param droppedLines lines of the log that could not be written since the process started
 */
export function createProcessMetrics(droppedLines: () => number): ProcessMetrics {
  const registry = new Registry();
  const common = new Registry();
  const registers = [registry];
  const steps: (() => Promise<void>)[] = [];
  let running: Promise<unknown> | undefined;
  // Every measurement of the event loop's delay wakes the process, by default a hundred times a second.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });

  const prepare = async () => {
    running ??= Promise.all(steps.map((step) => step())).finally(() => (running = undefined));
    await running;
  };

  const metrics: ProcessMetrics = {
    registry,
    common,
    gauge(name, help, read) {
      new Gauge({
        name: `posthorn_${name}`,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    },
    counter(name, help, read) {
      new Counter({
        name: `posthorn_${name}`,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    },
    beforeWrite: (step) => void steps.push(step),
    contentType: registry.contentType,
    async write() {
      await prepare();
      return `${await registry.metrics()}\n${await common.metrics()}`;
    },
    async writeCommon() {
      await prepare();
      return common.metrics();
    },
  };
  metrics.counter(
    'process_log_lines_dropped_total',
    'Lines of the log of this process that standard output did not take.',
    droppedLines,
  );
  return metrics;
}
