import type { DestinationGuard } from '@posthorn/broker';
import type { Answer } from '@posthorn/shared';
import { Axios, AxiosHeaders, type AxiosAdapter } from 'axios';
import { Agent } from 'undici';
import { createConnect } from './connect.ts';
import { exchange, type Exchange } from './exchange.ts';

/** One HTTP request to a destination. */
export interface DeliveryRequest {
  /** Sent exactly as it is written. */
  url: string;
  method: string;
  /** Names and values in turn. */
  header: string[];
  body: Uint8Array | string | undefined;
  /** Hard limit for the whole exchange. */
  timeoutMs: number;
  /** Whether anybody will read the headers and the body of a successful response. */
  keepSuccessBody: boolean;
}

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
  send(request: DeliveryRequest, opened: (exchange: Exchange) => void): Promise<Answer>;
  /** Closes connections that no exchange needs, at most once a second: they hold descriptors. */
  closeIdle(): void;
  inFlight(): number;
  /** Ends every exchange: their messages are handed back. */
  abort(): void;
}

/**
 * Delivers with axios, over a transport of our own: pooled keep-alive connections that the guard has allowed, no
 * redirects, no proxy, nothing rewritten.
 */
export function createSender({ guard, connectTimeoutMs, maxResponseBytes }: SenderOptions): Sender {
  const connect = createConnect(guard, connectTimeoutMs);
  const createAgent = () =>
    new Agent({
      connect,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      keepAliveMaxTimeout: 60_000,
      maxHeaderSize: 64 * 1024,
    });
  let agent = createAgent();
  let agentSince = performance.now();
  // Without the defaults of axios, which are for browsers: merging them is most of what axios costs.
  const client = new Axios({});
  const open = new Set<Exchange>();
  const emptyHeaders = new AxiosHeaders();

  return {
    async send(request, opened) {
      const adapter: AxiosAdapter = async (config) => {
        const current = exchange(agent, request, maxResponseBytes);
        open.add(current);
        opened(current);
        try {
          const answer = await current.answer;
          return { data: answer, status: answer.status, statusText: '', headers: emptyHeaders, config };
        } finally {
          open.delete(current);
        }
      };
      const { data } = await client.request<Answer>({ adapter });
      return data;
    },
    closeIdle() {
      if (performance.now() - agentSince < 1000) return;
      const old = agent;
      agent = createAgent();
      agentSince = performance.now();
      // Its exchanges go on; it closes when the last one has ended.
      void old.close();
    },
    inFlight: () => open.size,
    abort() {
      for (const current of open) current.abort();
    },
  };
}
