export * from './embedded-redis.ts';
export * from './find-redis-server.ts';
export * from './lock.ts';
export * from './redis-config.ts';
export * from './snapshot.ts';
