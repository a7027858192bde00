import type { DestinationGuard } from '@posthorn/broker';
import type { DestinationResponse } from '@posthorn/shared';
import { Axios, AxiosHeaders, type AxiosAdapter } from 'axios';
import { createConnect } from './connect.ts';
import { exchange, type Exchange } from './exchange.ts';
import type { DeliveryRequest } from './format-request.ts';
import { createPool } from './pool.ts';

export type { DeliveryRequest } from './format-request.ts';

export interface SenderOptions {
  guard: DestinationGuard;
  connectTimeoutMs: number;
  maxResponseBytes: number;
}

export interface Sender {
  /**
   * Never rejects for anything that a destination does; rejects with `AbortedError` after `abort`.
   *
   * @param opened gets the exchange when it begins
   */
  send(request: DeliveryRequest, opened?: (exchange: Exchange) => void): Promise<DestinationResponse>;
  /** Closes connections that no exchange needs: they hold descriptors. */
  closeIdle(): void;
  inFlight(): number;
  /** Requests that were sent once more because their connection had been closed before (see `exchange`). */
  resent(): number;
  /** Ends every exchange: their messages are handed back. */
  abort(): void;
}

/**
 * Delivers with axios, over a transport of our own: pooled keep-alive connections that the guard has allowed, no
 * redirects, no proxy, nothing rewritten.
 */
export function createSender({ guard, connectTimeoutMs, maxResponseBytes }: SenderOptions): Sender {
  const pool = createPool(createConnect({ guard, timeoutMs: connectTimeoutMs }));
  let resent = 0;
  const parts = { pool, maxResponseBytes, resent: () => (resent += 1) };
  // Without the defaults of axios, which are for browsers: merging them is most of what axios costs.
  const client = new Axios({});
  const open = new Set<Exchange>();
  const emptyHeaders = new AxiosHeaders();

  return {
    async send(request, opened) {
      const adapter: AxiosAdapter = async (config) => {
        const current = exchange(parts, request);
        open.add(current);
        opened?.(current);
        try {
          const response = await current.response;
          return { data: response, status: response.status, statusText: '', headers: emptyHeaders, config };
        } finally {
          open.delete(current);
        }
      };
      const { data } = await client.request<DestinationResponse>({ adapter });
      return data;
    },
    closeIdle: pool.closeIdle,
    inFlight: () => open.size,
    resent: () => resent,
    abort() {
      for (const current of open) current.abort();
    },
  };
}
