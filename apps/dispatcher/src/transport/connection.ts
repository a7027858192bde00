import type { Socket } from 'node:net';
import type { RequestBytes } from './format-request.ts';

/** Gets the response to the request that is in flight on a connection. */
export interface Exchanger {
  received(piece: Buffer): void;
  /** The destination has ended the connection, which is destroyed. `isBroken`: with an error. */
  closed(isBroken: boolean): void;
}

/** An open connection to an origin. It carries one request at a time: requests are never pipelined. */
export interface Connection {
  /** Writes a request; what comes back goes to `exchanger`. */
  start(request: RequestBytes, exchanger: Exchanger): void;
  /** The exchange is over and nothing of it is left on the connection. @returns whether another one may follow */
  release(): boolean;
  /** How often it has carried an exchange to its end. */
  served(): number;
  isOpen(): boolean;
  destroy(): void;
}

/**
 * A large body is written in pieces, as fast as the destination reads: TLS encrypts at once whatever it is given, and
 * would keep a second copy of the body.
 */
const pieceBytes = 64 * 1024;

/** @param idleClosed called when the connection ends while it carries nothing */
export function createConnection(socket: Socket, idleClosed: () => void): Connection {
  let current: Exchanger | undefined;
  let served = 0;
  let isOver = false;
  /** The part of a body that has not been written. */
  let unsent: Buffer | undefined;

  const pour = () => {
    while (unsent) {
      const piece = unsent.subarray(0, pieceBytes);
      unsent = unsent.length > pieceBytes ? unsent.subarray(pieceBytes) : undefined;
      if (!socket.write(piece)) return;
    }
  };
  const close = (isBroken: boolean) => {
    if (isOver) return;
    isOver = true;
    unsent = undefined;
    socket.destroy();
    const exchanger = current;
    current = undefined;
    if (exchanger) exchanger.closed(isBroken);
    else idleClosed();
  };
  socket
    .on('data', (piece: Buffer) => {
      if (current) current.received(piece);
      // No request is in flight. These bytes could be mistaken for the response to the next one.
      else close(true);
    })
    .on('drain', pour)
    .on('end', () => close(false))
    .on('error', () => close(true))
    .on('close', () => close(false));

  return {
    start({ head, body }, exchanger) {
      current = exchanger;
      if (served > 0) socket.ref();
      if (!body) {
        socket.write(head);
        return;
      }
      unsent = body;
      socket.cork();
      socket.write(head);
      pour();
      socket.uncork();
    },
    release() {
      current = undefined;
      served++;
      // The destination answered before it had the whole request.
      if (isOver || unsent || socket.writableLength > 0) return false;
      // An idle connection must not keep the process running.
      socket.unref();
      return true;
    },
    served: () => served,
    isOpen: () => !isOver && !socket.destroyed && socket.writable,
    destroy() {
      isOver = true;
      current = unsent = undefined;
      socket.destroy();
    },
  };
}
