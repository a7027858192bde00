// The destination inside the stack; it runs as `node -e` in a container. It answers late, so that a dispatcher can be
// killed while it waits, and a message counts only when its sender was still there to take the response.
import { createServer } from 'node:http';

export interface ReceiverState {
  /** How often each message was answered, by its id. */
  answered: Record<string, number>;
  /** Requests that wait for their response, by the address of the sender. */
  waiting: Record<string, number>;
  /** Requests whose sender went away before the response. */
  cut: number;
}

const answerAfterMs = 3000;
const state: ReceiverState = { answered: {}, waiting: {}, cut: 0 };
const add = (counts: Record<string, number>, key: string, count: number) => {
  counts[key] = (counts[key] ?? 0) + count;
};

createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(JSON.stringify(state));
    return;
  }
  const sender = request.socket.remoteAddress?.replace('::ffff:', '') ?? '';
  const messageId = String(request.headers['upstash-message-id']);
  add(state.waiting, sender, 1);
  response.on('close', () => {
    add(state.waiting, sender, -1);
    if (response.writableFinished) add(state.answered, messageId, 1);
    else state.cut++;
  });
  request.resume().on('end', () => setTimeout(() => response.end(), answerAfterMs));
}).listen(9000);
