import { connect, type Socket } from 'node:net';

/** A reply as it came over the socket. */
export interface RawReply {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: string;
}

/**
 * Cuts the bytes of a connection into replies, each as soon as it is complete. It knows what posthorn sends: a body has
 * a `Content-Length`.
 *
 * @param hasBodies `false` for the replies to HEAD, which announce a body that does not come
 */
export function readReplies(onReply: (reply: RawReply) => void, hasBodies = true): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    for (;;) {
      const headEnd = rest.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const [statusLine = '', ...lines] = rest.toString('latin1', 0, headEnd).split('\r\n');
      const headers: Record<string, string> = {};
      for (const line of lines) {
        const colon = line.indexOf(':');
        headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
      }
      const status = Number(statusLine.slice(9, 12));
      // An interim reply has no body, and a final one follows.
      const length = status < 200 || !hasBodies ? 0 : Number(headers['content-length'] ?? 0);
      const end = headEnd + 4 + length;
      if (rest.length < end) return;
      const body = rest.toString('utf8', headEnd + 4, end);
      rest = rest.subarray(end);
      if (status >= 200) onReply({ status, headers, body });
    }
  };
}

/**
 * Writes bytes to a server as they are, on a connection of their own, and gives the replies that come until there are
 * as many as wanted or the connection is closed.
 */
export function exchangeRaw(
  url: string,
  bytes: Buffer,
  { replies: wanted = 1, withinMs = 10_000, end = false }: { replies?: number; withinMs?: number; end?: boolean } = {},
): Promise<RawReply[]> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const replies: RawReply[] = [];
    const socket: Socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(replies);
    };
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no response within ${withinMs} ms`));
    }, withinMs);
    const read = readReplies((reply) => {
      replies.push(reply);
      if (replies.length === wanted) finish();
    }, !bytes.toString('latin1').startsWith('HEAD '));
    socket.on('data', read);
    // A server that refuses may close while the rest of a request is still being written.
    socket.on('error', finish);
    socket.on('end', finish);
    socket.on('connect', () => (end ? socket.end(bytes) : socket.write(bytes)));
  });
}

/**
 * Writes bytes to a server as they are, and gives what comes back until the connection closes: for what is no HTTP, or is
 * never sent to its end.
 */
export function rawRequest(url: string, bytes: string | Buffer, endsAfterMs?: number): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('connect', () => {
      socket.write(bytes);
      if (endsAfterMs !== undefined) setTimeout(() => socket.destroy(), endsAfterMs);
    });
    socket.on('data', (data) => (answer += data.toString('latin1')));
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });
}
