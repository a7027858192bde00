import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { measureEventLoopDelay } from './event-loop-delay.ts';

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
  const beginPeriod = addNodeMetrics(registry);

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
      const ofProcess = registry.metrics();
      beginPeriod();
      return `${await ofProcess}\n${await common.metrics()}`;
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

/** A measurement of prom-client that never comes, in milliseconds. */
const neverMs = 2 ** 31 - 1;

/**
 * Adds the metrics of Node.js. prom-client would wake the process for each measurement of the event loop's delay.
 *
 * @returns a function that begins a new period of that measurement
 */
function addNodeMetrics(registry: Registry): () => void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: neverMs });
  const delays = measureEventLoopDelay();
  const readNs = {
    min: () => delays.min,
    max: () => delays.max,
    mean: () => delays.mean,
    stddev: () => delays.stddev,
    p50: () => delays.percentile(50),
    p90: () => delays.percentile(90),
    p99: () => delays.percentile(99),
  };
  for (const [name, read] of Object.entries(readNs)) {
    const full = `nodejs_eventloop_lag_${name}_seconds`;
    registry.removeSingleMetric(full);
    new Gauge({
      name: full,
      help: `Delay of the event loop since the last scrape (${name}).`,
      registers: [registry],
      collect() {
        this.set(delays.count > 0 ? read() / 1e9 : 0);
      },
    });
  }
  return () => delays.reset();
}
