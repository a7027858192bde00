export * from './check-reply.ts';
export * from './eventually.ts';
export * from './free-port.ts';
export * from './posthorn.ts';
export * from './receiver.ts';
export { startRedis, type TestRedis, type TestRedisOptions } from './redis.ts';
export * from './sentinels.ts';
export * from './raw-connection.ts';
export * from './system.ts';
