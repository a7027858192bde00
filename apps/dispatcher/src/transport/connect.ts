import type { LookupFunction, Socket } from 'node:net';
import type { DestinationGuard } from '@posthorn/broker';
import { buildConnector } from 'undici';
import { createResolve, type Resolve } from './resolve.ts';

/** A connection that the guard does not allow. */
export class RefusedAddressError extends Error {
  override name = 'RefusedAddressError';
}

/**
 * Makes connections only to addresses that the guard has just seen: a literal host is asked about itself, a name is
 * resolved and each of its addresses is asked about, and the address of the open socket is asked about again. There is
 * no second look-up in which a name could change its mind.
 */
export function createConnect(guard: DestinationGuard, timeoutMs: number): buildConnector.connector {
  const resolve = createResolve();
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '');
    const port = Number(options.port || (options.protocol === 'https:' ? 443 : 80));
    const check = (address: string) => guard.checkAddress(address, host, port);

    const literal = /^[\d.]+$|:/.test(host) ? check(host) : undefined;
    if (literal) {
      callback(new RefusedAddressError(literal), null);
      return;
    }
    const connect = buildConnector({
      timeout: timeoutMs,
      allowH2: false,
      minVersion: 'TLSv1.2',
      lookup: createLookup(resolve, check),
    });
    connect(options, (...[error, socket]) => {
      if (!socket) {
        callback(error, null);
        return;
      }
      const refused = socket.remoteAddress === undefined ? undefined : check(socket.remoteAddress);
      if (refused) {
        socket.destroy();
        callback(new RefusedAddressError(refused), null);
        return;
      }
      readInPieces(socket);
      callback(null, socket);
    });
  };
}

/**
 * undici parses all that it has read before it looks whether the connection is still wanted, and of headers that are too
 * many it makes an error each: of 64 KB of them a destination made 60 ms in which nothing else was delivered.
 */
const pieceBytes = 4096;

function readInPieces(socket: Socket): void {
  const read = socket.read.bind(socket);
  socket.read = (size?: number) => {
    if (socket.destroyed) return null;
    return read(size ?? (Math.min(socket.readableLength, pieceBytes) || undefined)) as unknown;
  };
}

function createLookup(resolve: Resolve, check: (address: string) => string | undefined): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const allowed = addresses.filter(({ address }) => check(address) === undefined);
        const [first] = allowed;
        if (!first) {
          const [refused] = addresses;
          const reason = refused ? check(refused.address) : `unable to resolve host: ${hostname} has no address`;
          callback(new RefusedAddressError(reason), '', 0);
        } else if (options.all) callback(null, allowed);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => {
        callback(error instanceof Error ? error : new Error('the host is not found'), '', 0);
      },
    );
  };
}
