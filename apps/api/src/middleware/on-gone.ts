import type { ServerResponse } from 'node:http';

/**
 * Calls `then` once, when a response has been sent or its connection has closed; at once if that is so already. The
 * response of a pipelined request that waits for the one before it emits no event when its connection closes.
 *
 * @returns a function that cancels the call
 */
export function onGone(response: ServerResponse, then: () => void): () => void {
  if (isGone(response)) {
    then();
    return () => undefined;
  }
  const { socket } = response.req;
  let isOver = false;
  const forget = () => {
    isOver = true;
    response.off('close', end);
    socket.off('close', end);
  };
  const end = () => {
    // The end of a connection closes its response while it tells its listeners, of which none can be taken away then.
    if (isOver) return;
    forget();
    then();
  };
  response.once('close', end);
  socket.once('close', end);
  return forget;
}

/** Whether a response can no longer reach its client. */
export function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.req.socket.destroyed;
}
