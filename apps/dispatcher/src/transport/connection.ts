import type { Socket } from 'node:net';

/** Gets the response to the request that is in flight on a connection. */
export interface Exchanger {
  received(piece: Buffer): void;
  /** The destination has ended the connection, which is destroyed. `isBroken`: with an error. */
  closed(isBroken: boolean): void;
}

/** An open connection to an origin. It carries one request at a time: requests are never pipelined. */
export interface Connection {
  /** Writes a request; what comes back goes to `exchanger`. */
  start(request: Buffer[], exchanger: Exchanger): void;
  /** The exchange is over and nothing of it is left on the connection. @returns whether another one may follow */
  release(): boolean;
  /** How often it has carried an exchange to its end. */
  served(): number;
  isOpen(): boolean;
  destroy(): void;
}

/** @param idleClosed called when the connection ends while it carries nothing */
export function createConnection(socket: Socket, idleClosed: () => void): Connection {
  let current: Exchanger | undefined;
  let served = 0;
  let isOver = false;

  const close = (isBroken: boolean) => {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    const exchanger = current;
    current = undefined;
    if (exchanger) exchanger.closed(isBroken);
    else idleClosed();
  };
  socket
    .on('data', (piece: Buffer) => {
      if (current) current.received(piece);
      // There is no request. The bytes could be taken for the response to the next one.
      else close(true);
    })
    .on('end', () => close(false))
    .on('error', () => close(true))
    .on('close', () => close(false));

  return {
    start(request, exchanger) {
      current = exchanger;
      if (served > 0) socket.ref();
      if (request.length > 1) socket.cork();
      for (const piece of request) socket.write(piece);
      if (request.length > 1) socket.uncork();
    },
    release() {
      current = undefined;
      served++;
      // The destination answered before it had the whole request.
      if (isOver || socket.writableLength > 0) return false;
      // An idle connection must not keep the process running.
      socket.unref();
      return true;
    },
    served: () => served,
    isOpen: () => !isOver && !socket.destroyed && socket.writable,
    destroy() {
      isOver = true;
      current = undefined;
      socket.destroy();
    },
  };
}
