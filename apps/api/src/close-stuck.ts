import type { Socket } from 'node:net';

/**
 * Looks for connections whose clients have taken nothing of what is written to them for `maxStuckMs`, and closes them:
 * the bytes are in memory.
 *
 * @returns what looks at all connections, at the instant `nowMs`
 */
export function createStuckWatch(maxStuckMs: number): (sockets: Iterable<Socket>, nowMs: number) => void {
  const waiting = new WeakMap<Socket, { takenBytes: number; sinceMs: number }>();
  return (sockets, nowMs) => {
    for (const socket of sockets) {
      if (socket.writableLength === 0) {
        waiting.delete(socket);
        continue;
      }
      const takenBytes = socket.bytesWritten - socket.writableLength;
      const last = waiting.get(socket);
      if (last?.takenBytes !== takenBytes) waiting.set(socket, { takenBytes, sinceMs: nowMs });
      else if (nowMs - last.sinceMs >= maxStuckMs) socket.destroy();
    }
  };
}
