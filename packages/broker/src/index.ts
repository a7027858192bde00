// What the processes may use of this package. Everything else is an inside; tests that need one import `parts.ts`.
export type { Broker, DelivererOptions } from './broker.ts';
export { failWithoutAttempt, type Begun, type Deliverer } from './delivery/deliverer.ts';
export { estimateRequestBytes } from './delivery/request-bytes.ts';
export { createDestinationGuard, type DestinationGuard } from './destinations/destination-guard.ts';
export { isRedisUnavailable } from './engine/redis/faults.ts';
export type { Delivery } from './engine/shards/shard.ts';
export type { ShardWorker } from './engine/shards/worker.ts';
export { startDeadline } from './intake/deadline.ts';
export { nameItem } from './intake/publish.ts';
export { openBroker, type OpenBroker } from './open-broker.ts';
export type { RateLimits } from './rate-limits/rate-limits.ts';
export { previewCron } from './schedules/describe-cron.ts';
export { sessionMs, type KnownToken, type Session, type Sessions } from './sessions/sessions.ts';
export type { Backlogs } from './views/metrics/backlog.ts';
export { RunOverError, refuseForRun } from './workflows/run-errors.ts';
export { isRunRequest } from './workflows/run-headers.ts';
