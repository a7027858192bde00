import type { LookupAddress } from 'node:dns';
import { connect as connectTcp, type Socket } from 'node:net';
import type { DestinationGuard } from '@posthorn/broker';
import type { Origin } from './origin.ts';
import { createFurtherSockets, race } from './race.ts';
import { createResolve, type Resolve } from './resolve.ts';
import { createSecure } from './secure.ts';
import { toTransportError, TransportError } from './transport-error.ts';

/**
 * Opens a connection. Rejects with a `TransportError`, or with the reason of the signal, which closes every socket that is
 * open by then.
 */
export type Connect = (origin: Origin, signal: AbortSignal) => Promise<Socket>;

export interface ConnectOptions {
  guard: DestinationGuard;
  /** Limit for the lookup of the name, and for each address with its TLS handshake. */
  timeoutMs: number;
  resolve?: Resolve;
}

/** A host with more addresses is tried at these. */
const maxAddresses = 8;
/** Sockets that all attempts together may have open beside the one that each of them needs. */
export const maxFurtherSockets = 100;
const keepAliveProbeMs = 60_000;

/**
 * Makes connections only to addresses that the guard has just seen: a literal host is asked about itself, a name is
 * resolved and each of its addresses is asked about, and the address of the open socket is asked about again. There is
 * no second lookup in which a name could change its mind.
 */
export function createConnect({ guard, timeoutMs, resolve = createResolve() }: ConnectOptions): Connect {
  const secure = createSecure();
  const further = createFurtherSockets(maxFurtherSockets);

  async function findAddresses({ hostname, isAddress, port }: Origin): Promise<LookupAddress[]> {
    const found = isAddress
      ? [{ address: hostname, family: hostname.includes(':') ? 6 : 4 }]
      : await rejectAfter(timeoutMs, resolve(hostname), () => {
          return new TransportError('dns', `unable to resolve host: no name server answered for ${hostname} in time`);
        });
    const reasons = found.map(({ address }) => guard.checkAddress(address, hostname, port));
    const allowed = found.filter((_, index) => reasons[index] === undefined);
    if (allowed.length > 0) return interleave(allowed).slice(0, maxAddresses);
    throw reasons[0] === undefined
      ? new TransportError('dns', `unable to resolve host: ${hostname} has no address`)
      : new TransportError('connect', reasons[0]);
  }

  return async (origin, signal) => {
    const { hostname, port, isTls } = origin;
    const addresses = await findAddresses(origin);
    signal.throwIfAborted();
    const startedAt = performance.now();
    const socket = await race({
      addresses,
      open: ({ address, family }) =>
        connectTcp({
          host: address,
          family,
          port,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: keepAliveProbeMs,
        }),
      timeoutMs,
      timedOut: () => new TransportError('connect', 'the destination did not accept the connection in time'),
      signal,
      further,
    }).catch((error: unknown) => {
      throw toTransportError('connect', error);
    });
    const refused = socket.remoteAddress && guard.checkAddress(socket.remoteAddress, hostname, port);
    if (refused || signal.aborted) {
      socket.destroy();
      throw refused ? new TransportError('connect', refused) : (signal.reason as Error);
    }
    if (!isTls) return socket;
    return secure(socket, origin, Math.max(1, timeoutMs - (performance.now() - startedAt)), signal);
  };
}

/** Rejects with `late()` after `limitMs`, and then ignores the outcome of the promise. */
function rejectAfter<T>(limitMs: number, promise: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), limitMs);
    void promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** The families in turn, beginning with that of the first address (RFC 8305 section 4). */
function interleave(addresses: LookupAddress[]): LookupAddress[] {
  const [first] = addresses;
  const same = addresses.filter(({ family }) => family === first?.family);
  const other = addresses.filter(({ family }) => family !== first?.family);
  const rounds = Math.max(same.length, other.length);
  return Array.from({ length: rounds }, (_, round) => [same[round], other[round]])
    .flat()
    .filter((address) => address !== undefined);
}
