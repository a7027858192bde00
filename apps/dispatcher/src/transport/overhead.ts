import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { TransportError } from './transport-error.ts';

/** Closes TLS connections over which much more arrives than the content of responses. */
export interface OverheadWatch {
  /** @param raw the connection that `secured` speaks over */
  watch(raw: Raw, secured: Secured): void;
}

type Raw = Pick<Socket, 'bytesRead'>;
type Secured = Pick<TLSSocket, 'bytesRead' | 'destroy' | 'once'>;

/** What may arrive for a byte of content: a record with one byte has some thirty more. */
const maxBytesPerByte = 64;
/** What may arrive beside that: certificates, sessions, new keys. */
const spareBytes = 1024 * 1024;
const everyMs = 250;

/**
 * Messages of TLS itself and empty records reach no reader, however many there are, so that the limits of a response do
 * not see them.
 */
export function createOverheadWatch(): OverheadWatch {
  const watched = new Map<Secured, Raw>();
  let timer: NodeJS.Timeout | undefined;

  function look(): void {
    for (const [secured, raw] of watched) {
      if (raw.bytesRead <= spareBytes + maxBytesPerByte * secured.bytesRead) continue;
      secured.destroy(new TransportError('tls', 'the destination sends too much beside its response'));
    }
  }

  return {
    watch(raw, secured) {
      watched.set(secured, raw);
      timer ??= setInterval(look, everyMs).unref();
      secured.once('close', () => {
        watched.delete(secured);
        if (watched.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      });
    },
  };
}
