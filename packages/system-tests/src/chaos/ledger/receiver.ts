// The destination of every fault, a process of its own that nothing kills: it writes down what it gets before it answers.
//   node receiver.js <ledger file> <current signing key>
// The query of a URL says what to answer: `status`, after `ms`, after `fails` failed attempts; `flow` and `max` name a
// limit of requests at once; `tell` reports each request to the parent; `hold` never answers.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jwtVerify } from 'jose';
import { openLedger } from './lines.ts';

/** What the parent may ask for: every destination answers 503, or the usual again. */
export interface ReceiverOrder {
  isDown: boolean;
}
/** What is sent to the parent process. */
export type ReceiverNews = { port: number } | { received: string; retried: number };

const [file = '', currentSigningKey = ''] = process.argv.slice(2);
const ledger = openLedger(file);
const key = new TextEncoder().encode(currentSigningKey);
const failures = new Map<string, number>();
const running = new Map<string, number>();
let isDown = false;
let count = 0;

const tell = (news: ReceiverNews) => void process.send?.(news);
const header = (request: IncomingMessage, name: string) => String(request.headers[name] ?? '');

async function take(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
  const at = Date.now();
  const n = count++;
  const url = new URL(request.url ?? '/', `http://${header(request, 'host')}`);
  const id = header(request, 'upstash-message-id');
  const retried = Number(header(request, 'upstash-retried'));
  const text = body.toString();
  const isSigned = await checkSignature(header(request, 'upstash-signature'), url.href, body);

  const held = url.searchParams.has('hold');
  const status = held ? 0 : chooseStatus(url, id);
  ledger.write({
    kind: 'receipt',
    n,
    at,
    id,
    key: header(request, 'ledger-key'),
    retried,
    bodyHash: createHash('sha256').update(body).digest('hex'),
    isSigned,
    status,
    ...(url.pathname === '/callback'
      ? { sourceId: (JSON.parse(text) as { sourceMessageId: string }).sourceMessageId }
      : {}),
  });
  if (url.searchParams.has('tell')) tell({ received: id, retried });
  if (held) return;
  setTimeout(
    () => {
      response.on('finish', () => ledger.write({ kind: 'answer', n, at: Date.now() }));
      response.writeHead(status).end();
    },
    Number(url.searchParams.get('ms') ?? 0),
  );
}

/** By a library that is not ours. */
async function checkSignature(token: string, subject: string, body: Buffer): Promise<boolean> {
  try {
    const { payload } = await jwtVerify<{ body: string }>(token, key, { issuer: 'Upstash', subject });
    return payload.body.replace(/=+$/, '') === createHash('sha256').update(body).digest('base64url');
  } catch {
    return false;
  }
}

function chooseStatus({ searchParams }: URL, id: string): number {
  if (isDown) return 503;
  const failed = failures.get(id) ?? 0;
  if (failed < Number(searchParams.get('fails') ?? 0)) {
    failures.set(id, failed + 1);
    return 500;
  }
  return Number(searchParams.get('status') ?? 200);
}

/** Counts requests at once from their first byte to the end of their connection's turn. */
function countFlow(url: URL, response: ServerResponse): void {
  const flowKey = url.searchParams.get('flow');
  if (flowKey === null) return;
  const now = (running.get(flowKey) ?? 0) + 1;
  running.set(flowKey, now);
  response.on('close', () => running.set(flowKey, (running.get(flowKey) ?? 1) - 1));
  if (now > Number(url.searchParams.get('max')))
    ledger.write({ kind: 'excess', flowKey, at: Date.now(), running: now });
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  countFlow(new URL(request.url ?? '/', 'http://receiver'), response);
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => void take(request, response, Buffer.concat(chunks)));
});
process.on('message', (order: ReceiverOrder) => (isDown = order.isDown));
process.on('disconnect', () => process.exit());
// A terminal signals the whole group; the ledger ends with its reader.
process.on('SIGINT', () => undefined);
server.listen(0, '127.0.0.1', () => tell({ port: (server.address() as AddressInfo).port }));
