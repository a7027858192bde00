import { createConnection, type Connection } from './connection.ts';
import type { Connect } from './connect.ts';
import type { Origin } from './origin.ts';

/** Idle connections, which wait for the next request to their origin. */
export interface Pool {
  /** Takes the connection that was used last out of the pool, so that the others can expire. */
  take(origin: Origin): Connection | undefined;
  /** Opens a new one, which belongs to the caller. */
  open(origin: Origin, signal: AbortSignal): Promise<Connection>;
  /** Puts a connection back after an exchange, for at most `keepAliveMs`. */
  give(origin: Origin, connection: Connection, keepAliveMs: number): void;
  /** Closes all connections of the pool. */
  closeIdle(): void;
}

/** Maximum number of idle connections. The one that has been idle for longest is closed first. */
const maxIdle = 1000;
const sweepMs = 1000;

export function createPool(connect: Connect): Pool {
  /** The connections of each origin; the last one was used last. */
  const byOrigin = new Map<string, Connection[]>();
  /** All connections in the order in which they became idle, with the instant at which each is closed. */
  const idle = new Map<Connection, { key: string; until: number }>();
  let sweeper: NodeJS.Timeout | undefined;

  function forget(connection: Connection): void {
    const entry = idle.get(connection);
    if (!entry) return;
    idle.delete(connection);
    const connections = byOrigin.get(entry.key);
    const index = connections?.lastIndexOf(connection) ?? -1;
    if (index >= 0) connections?.splice(index, 1);
    if (connections?.length === 0) byOrigin.delete(entry.key);
    if (idle.size === 0) {
      clearInterval(sweeper);
      sweeper = undefined;
    }
  }

  function drop(connection: Connection): void {
    forget(connection);
    connection.destroy();
  }

  function sweep(): void {
    const now = performance.now();
    for (const [connection, { until }] of idle) if (until <= now) drop(connection);
  }

  return {
    take({ key }) {
      for (;;) {
        const connection = byOrigin.get(key)?.at(-1);
        if (!connection) return undefined;
        const until = idle.get(connection)?.until ?? 0;
        forget(connection);
        if (connection.isOpen() && until > performance.now()) return connection;
        connection.destroy();
      }
    },
    async open(origin, signal) {
      const socket = await connect(origin, signal);
      const connection: Connection = createConnection(socket, () => forget(connection));
      return connection;
    },
    give({ key }, connection, keepAliveMs) {
      const oldest = idle.size >= maxIdle ? idle.keys().next().value : undefined;
      if (oldest) drop(oldest);
      idle.set(connection, { key, until: performance.now() + keepAliveMs });
      const connections = byOrigin.get(key);
      if (connections) connections.push(connection);
      else byOrigin.set(key, [connection]);
      sweeper ??= setInterval(sweep, sweepMs).unref();
    },
    closeIdle() {
      for (const connection of idle.keys()) drop(connection);
    },
  };
}
