export * from './embedded-redis.ts';
export * from './find-redis-server.ts';
export * from './lock.ts';
