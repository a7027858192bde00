import { createHash } from 'node:crypto';
import { testToken } from '@posthorn/testkit';
import { Agent } from 'undici';
import { openLedger, type PublishLine } from './lines.ts';

/** A publish that is to be made. */
export interface Order extends Pick<PublishLine, 'sort' | 'ends' | 'queue' | 'callback'> {
  destination: string;
  delayMs?: number;
  /** Whole seconds since 1970, in milliseconds. */
  notBefore?: number;
  headers?: Record<string, string>;
  bodyBytes?: number;
  /** The same as that of an earlier publish which is made once more. */
  key?: string;
  /** Does not wait for the response. */
  hangUpAfterMs?: number;
}

/** Publishes, and writes a line for each publish after its response was read. */
export interface Publisher {
  publish(order: Order): Promise<PublishLine>;
  /** All of them with one request to `/v2/batch`. */
  publishBatch(orders: readonly Order[]): Promise<PublishLine[]>;
  /** Answers that did not come yet. */
  inFlight(): number;
  close(): Promise<void>;
}

/** No response after this time counts as none. */
const patienceMs = 30_000;

export function createPublisher(file: string, urls: () => readonly string[], callbackUrl: string): Publisher {
  const ledger = openLedger(file);
  const agent = new Agent({ connections: 1000, headersTimeout: patienceMs, bodyTimeout: patienceMs });
  let count = 0;
  let turn = 0;
  let inFlight = 0;
  let isClosed = false;

  const prepare = (order: Order) => {
    const key = order.key ?? `${order.sort}-${count++}`;
    const body = JSON.stringify({ key, padding: 'x'.repeat(order.bodyBytes ?? 200) });
    const headers: Record<string, string> = {
      'Upstash-Forward-Ledger-Key': key,
      ...(order.delayMs === undefined ? {} : { 'Upstash-Delay': `${order.delayMs / 1000}s` }),
      ...(order.notBefore === undefined ? {} : { 'Upstash-Not-Before': String(order.notBefore / 1000) }),
      ...(order.callback === 'callback' ? { 'Upstash-Callback': callbackUrl } : {}),
      ...(order.callback === 'failure-callback' ? { 'Upstash-Failure-Callback': callbackUrl } : {}),
      ...order.headers,
    };
    return { order, key, body, headers };
  };

  const post = async (path: string, headers: Record<string, string>, body: string, hangUpAfterMs?: number) => {
    const origin = urls()[turn++ % urls().length] ?? '';
    const sentAt = Date.now();
    inFlight++;
    try {
      const answer = await agent.request({
        origin,
        path,
        method: 'POST',
        headers: { ...headers, Authorization: `Bearer ${testToken}` },
        body,
        ...(hangUpAfterMs === undefined ? {} : { signal: AbortSignal.timeout(hangUpAfterMs) }),
      });
      const text = await answer.body.text();
      return { sentAt, answeredAt: Date.now(), status: answer.statusCode, text };
    } catch {
      return { sentAt, answeredAt: Date.now(), status: 0, text: '' };
    } finally {
      inFlight--;
    }
  };

  const writeDown = (
    { order, key, body }: ReturnType<typeof prepare>,
    { sentAt, answeredAt, status }: Awaited<ReturnType<typeof post>>,
    ids: string[],
  ): PublishLine => {
    const { sort, ends, queue, callback, delayMs = 0, notBefore = 0 } = order;
    const refused = status >= 400 && status < 500;
    const line: PublishLine = {
      kind: 'publish',
      key,
      sort,
      sentAt,
      answeredAt,
      outcome: ids.length > 0 ? 'acked' : refused ? 'refused' : 'unknown',
      status,
      ids,
      bodyHash: createHash('sha256').update(body).digest('hex'),
      notBefore: Math.max(notBefore, sentAt + delayMs),
      ends,
      ...(queue === undefined ? {} : { queue }),
      ...(callback ? { callback } : {}),
    };
    // A fault that failed early leaves a load behind, which finds no ledger any more.
    if (!isClosed) ledger.write(line);
    return line;
  };

  return {
    async publish(order) {
      const prepared = prepare(order);
      const answer = await post(
        `/v2/publish/${order.destination}`,
        prepared.headers,
        prepared.body,
        order.hangUpAfterMs,
      );
      return writeDown(prepared, answer, isDone(answer.status) ? readIds(JSON.parse(answer.text)) : []);
    },
    async publishBatch(orders) {
      const prepared = orders.map(prepare);
      const items = prepared.map(({ order, headers, body }) => ({ destination: order.destination, headers, body }));
      const answer = await post('/v2/batch', { 'Content-Type': 'application/json' }, JSON.stringify(items));
      const replies = isDone(answer.status) ? (JSON.parse(answer.text) as unknown[]) : [];
      return prepared.map((one, index) => writeDown(one, answer, readIds(replies[index])));
    },
    inFlight: () => inFlight,
    async close() {
      isClosed = true;
      await agent.destroy();
      ledger.close();
    },
  };
}

function isDone(status: number): boolean {
  return status >= 200 && status < 300;
}

/** The ids of a reply; none for an item of a batch that could not be stored. */
function readIds(reply: unknown): string[] {
  return [reply].flat().flatMap((item) => (item as { messageId?: string } | undefined)?.messageId ?? []);
}
