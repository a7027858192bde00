import type { Socket } from 'node:net';

export interface RaceOptions<A> {
  /** Tried in this order. */
  addresses: readonly A[];
  /** Begins to connect to an address. */
  open: (address: A) => Socket;
  /** How long one address may take. */
  timeoutMs: number;
  /** The error of an address that took longer. */
  timedOut: () => Error;
  /** Closes every socket that is open by then, and rejects with its reason. */
  signal: AbortSignal;
  /** Sockets beside the first one of each race. */
  further: FurtherSockets;
}

/** Room for sockets that several races share: a race needs one socket, and more only to be fast. */
export interface FurtherSockets {
  /** Says whether there was room for one more. */
  take(): boolean;
  give(): void;
}

export function createFurtherSockets(max: number): FurtherSockets {
  let used = 0;
  return {
    take: () => used < max && (used += 1) > 0,
    give: () => void (used -= 1),
  };
}

/** Time between the starts of two addresses; the earlier one goes on (RFC 8305 section 5 recommends 250 ms). */
const staggerMs = 250;

/**
 * Connects to the first address that accepts. Each address has the whole time, and the next one starts without waiting
 * for its end, unless there is no room for further sockets: then it starts when there is, or when the one before has
 * failed. Rejects with the error of the address that failed first. All other sockets are closed in the end.
 */
export function race<A>(options: RaceOptions<A>): Promise<Socket> {
  const { addresses, open, timeoutMs, timedOut, signal, further } = options;
  return new Promise((resolve, reject) => {
    const running = new Map<Socket, NodeJS.Timeout>();
    /** Sockets that are running beside the first one. */
    let taken = 0;
    let stagger: NodeJS.Timeout | undefined;
    let next = 0;
    let firstError: Error | undefined;
    let isOver = false;

    /** Keeps room for so many further sockets. */
    const giveBack = (kept: number) => {
      for (; taken > kept; taken--) further.give();
    };
    const end = (winner?: Socket) => {
      isOver = true;
      clearTimeout(stagger);
      signal.removeEventListener('abort', abort);
      for (const [socket, timer] of running) {
        clearTimeout(timer);
        if (socket !== winner) socket.destroy();
      }
      giveBack(0);
    };
    const abort = () => {
      end();
      reject(signal.reason as Error);
    };
    const win = (socket: Socket) => {
      if (isOver) return;
      end(socket);
      resolve(socket);
    };
    const lose = (socket: Socket, error: Error) => {
      // The socket was given up before.
      if (isOver || !running.has(socket)) return;
      clearTimeout(running.get(socket));
      running.delete(socket);
      socket.destroy();
      firstError ??= error;
      if (next < addresses.length) tryNext();
      else if (running.size === 0) {
        end();
        reject(firstError);
      } else giveBack(running.size - 1);
    };
    /** Starts the next address beside those that are running, if there is room for it. */
    const tryBeside = () => {
      if (!further.take()) {
        stagger = setTimeout(tryBeside, staggerMs);
        return;
      }
      taken++;
      tryNext();
    };
    function tryNext(): void {
      clearTimeout(stagger);
      const address = addresses[next++];
      if (address === undefined) return;
      const socket = open(address);
      const timer = setTimeout(() => lose(socket, timedOut()), timeoutMs);
      running.set(socket, timer);
      socket.on('error', (error) => lose(socket, error)).once('connect', () => win(socket));
      if (next < addresses.length) stagger = setTimeout(tryBeside, staggerMs);
    }

    signal.throwIfAborted();
    signal.addEventListener('abort', abort);
    tryNext();
  });
}
