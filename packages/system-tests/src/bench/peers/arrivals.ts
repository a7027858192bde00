import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';

/** The id of a message as the driver makes it: the run, and the number of the message. */
export const idPattern = /bench-[0-9a-f]{8}-\d+/;
const arrivalsPath = '/arrivals?from=';

export type Arrival = [id: string, at: number];

/** The time, in milliseconds since 1970 with fractions, that processes on one machine can compare. */
export const now = () => performance.timeOrigin + performance.now();

/**
 * Starts the destination. It remembers when each id arrived, which may be in the path, a header or the body of a request,
 * and reports that to the driver.
 */
export async function listenForArrivals(port: number): Promise<Server> {
  const arrivals: Arrival[] = [];
  const server = createServer((request, response) => {
    if (request.url?.startsWith(arrivalsPath)) {
      response.end(JSON.stringify(arrivals.slice(Number(request.url.slice(arrivalsPath.length)))));
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const at = now();
      response.end();
      const id = findId(request, Buffer.concat(chunks).toString());
      if (id !== undefined) arrivals.push([id, at]);
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function findId({ url = '', rawHeaders }: IncomingMessage, body: string): string | undefined {
  for (const text of [body, url, ...rawHeaders]) {
    const [id] = idPattern.exec(text) ?? [];
    if (id !== undefined) return id;
  }
  return undefined;
}

/** What has arrived, as the driver sees it. */
export interface Arrivals {
  /** When an id arrived for the first time. */
  firstAt: ReadonlyMap<string, number>;
  /** How often an id that had arrived before arrived again. */
  duplicates: ReadonlyMap<string, number>;
  /** Waits until all these ids have arrived, or until none has for so long. */
  wait(ids: readonly string[], patienceMs: number): Promise<void>;
}

export function followArrivals(receiver: string): Arrivals {
  const firstAt = new Map<string, number>();
  const duplicates = new Map<string, number>();
  let read = 0;

  const readNew = async (): Promise<number> => {
    const response = await fetch(`${receiver}${arrivalsPath}${read}`);
    const arrivals = (await response.json()) as Arrival[];
    read += arrivals.length;
    for (const [id, at] of arrivals) {
      if (firstAt.has(id)) duplicates.set(id, (duplicates.get(id) ?? 0) + 1);
      else firstAt.set(id, at);
    }
    return arrivals.length;
  };

  return {
    firstAt,
    duplicates,
    async wait(ids, patienceMs) {
      let lastAt = now();
      for (;;) {
        if ((await readNew()) > 0) lastAt = now();
        if (ids.every((id) => firstAt.has(id)) || now() - lastAt > patienceMs) return;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}
