import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** A raw listener that counts who comes. */
export interface Sink {
  port: number;
  /** Connections so far, whether or not anything was sent over them. */
  connections(): number;
  /** Connections that are open now. */
  open(): number;
  stop(): Promise<void>;
}

/**
 * @param connected gets each connection
 * @param tls speaks TLS with this; then only connections whose handshake succeeded are given on
 */
export async function startSink(
  connected: (socket: Socket) => void,
  { host = '127.0.0.1', tls }: { host?: string; tls?: TlsOptions } = {},
): Promise<Sink> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = tls ? createTlsServer(tls, connected) : createServer(connected);
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  server
    .on('tlsClientError', () => undefined)
    .on('secureConnection', (socket: Socket) => {
      socket.on('error', () => undefined);
    });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    open: () => sockets.size,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Calls back with the path of a request when its head and, by its length, its body have arrived. */
export function onRequest(socket: Socket, received: (path: string) => void): void {
  let text = '';
  socket.on('data', (data) => {
    text += data.toString('latin1');
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, headEnd))?.[1] ?? 0);
    if (text.length < headEnd + 4 + length) return;
    const path = text.split(' ')[1] ?? '';
    text = '';
    received(path);
  });
}

/** A destination that answers as it should. */
export function answerWell(socket: Socket): void {
  onRequest(socket, () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'));
}
