import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type TLSSocket } from 'node:tls';
import type { Origin } from './origin.ts';
import { createOverheadWatch } from './overhead.ts';
import { toTransportError, TransportError } from './transport-error.ts';

/** Speaks TLS over a connection. Rejects, and closes it, when the handshake fails or takes longer than `timeoutMs`. */
export type Secure = (socket: Socket, origin: Origin, timeoutMs: number, signal: AbortSignal) => Promise<TLSSocket>;

const maxSessions = 100;
/** Sessions that a destination may offer on one connection. Most servers offer two, and each costs time to take. */
const maxOffers = 10;

/**
 * Uses TLS 1.2 or newer and requires a certificate that is valid for the name. Later handshakes resume the session.
 * After the handshake a destination may not negotiate again, and what it sends beside content is limited.
 */
export function createSecure(connect: typeof connectTls = connectTls): Secure {
  const sessions = new Map<string, Buffer>();
  // Shared by all connections: creating one takes 0.8 ms of CPU time, most of the cost of a handshake.
  const secureContext = createSecureContext({
    minVersion: 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });
  const overhead = createOverheadWatch();

  function keep(key: string, session: Buffer): void {
    sessions.delete(key);
    const [oldest] = sessions.keys();
    if (sessions.size >= maxSessions && oldest !== undefined) sessions.delete(oldest);
    sessions.set(key, session);
  }

  return (socket, { hostname, isAddress, key }, timeoutMs, signal) =>
    new Promise((resolve, reject) => {
      const session = sessions.get(key);
      const secured = connect({
        socket,
        host: hostname,
        // The name of a server is a name and never an address (RFC 6066 section 3), and has no dot at its end.
        servername: isAddress ? '' : hostname.replace(/\.$/, ''),
        secureContext,
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: true,
        ...(session ? { session } : {}),
      });
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      };
      const fail = (error: Error) => {
        end();
        secured.destroy();
        socket.destroy();
        reject(error);
      };
      const abort = () => fail(signal.reason as Error);
      const timer = setTimeout(
        () => fail(new TransportError('tls', 'the destination did not accept the connection in time')),
        timeoutMs,
      );
      signal.addEventListener('abort', abort);
      overhead.watch(socket, secured);
      let offers = 0;
      secured
        .on('session', (fresh: Buffer) => {
          offers++;
          if (offers > maxOffers)
            secured.destroy(new TransportError('tls', 'the destination offers too many sessions'));
          else keep(key, fresh);
        })
        .once('secureConnect', () => {
          end();
          secured.off('close', closed);
          resolve(secured);
        })
        // An error after the handshake closes the connection; its user sees that.
        .on('error', (error) => fail(toTransportError('tls', error)));
      const closed = () => fail(new TransportError('tls', 'the connection closed during the TLS handshake'));
      secured.once('close', closed);
    });
}
