// Insides for tests and benches that prepare or inspect what is in Redis. No process imports this.
export type { BrokerParts } from './broker.ts';
export { createBroker } from './create-broker.ts';
export { activeEntry, createdEntry, deliveredEntry, failedEntries } from './engine/log/log-entries.ts';
export { connectForRequests, connectForWork } from './engine/redis/connect.ts';
export { inspectRedis } from './engine/redis/inspect.ts';
export { restoreMessage } from './engine/shards/stored-message.ts';
