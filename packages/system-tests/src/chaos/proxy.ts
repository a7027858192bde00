import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** A TCP proxy between the processes and Redis, which can be as bad as any network. */
export interface Proxy {
  /** `redis://127.0.0.1:<port>` */
  url: string;
  /** Each chunk of bytes arrives so much later, in both directions; 0 for none. */
  delay(minMs: number, maxMs: number): void;
  /** From now on nothing passes, neither bytes nor the end of a connection. */
  blackhole(): void;
  /** New connections pass again. Those that fell into the hole never say anything more, not even their end. */
  heal(): void;
  /** New connections go to another port. */
  retarget(port: number): void;
  /** Resets every connection; new ones pass. */
  cut(): void;
  close(): Promise<void>;
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let isHole = false;
  let delay = { minMs: 0, maxMs: 0 };

  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      lost.delete(socket);
    });
  };
  const lost = new Set<Socket>();
  const pass = (from: Socket, to: Socket) => {
    // One after the other: bytes must never overtake each other.
    let earlier: Promise<unknown> = Promise.resolve();
    let waiting = 0;
    from.on('data', (data) => {
      if (lost.has(from)) return;
      const { minMs, maxMs } = delay;
      if (maxMs === 0 && waiting === 0) {
        to.write(data);
        return;
      }
      waiting++;
      const arrived = new Promise((resolve) => setTimeout(resolve, minMs + Math.random() * (maxMs - minMs)));
      earlier = Promise.all([earlier, arrived]).then(() => {
        waiting--;
        to.write(data);
      });
    });
    from.on('close', () => {
      if (!lost.has(from)) to.destroy();
    });
  };

  const server = createServer((client) => {
    track(client);
    // In a hole even a new connection gets no response: the kernel accepts it, and its bytes are not read.
    if (isHole) {
      lost.add(client);
      return;
    }
    const upstream = connect(targetPort, '127.0.0.1');
    track(upstream);
    pass(client, upstream);
    pass(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    delay: (minMs, maxMs) => void (delay = { minMs, maxMs }),
    blackhole() {
      isHole = true;
      for (const socket of sockets) lost.add(socket);
    },
    heal: () => void (isHole = false),
    retarget: (port) => void (targetPort = port),
    cut,
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
