/** Accepts the connections that are waiting before it handles what has arrived on the others. */
export interface AcceptFirst {
  /** To be called for each new connection. */
  accepted(): void;
  /** Handles a request: at once, or after the connections that are waiting. Requests keep their order. */
  handle(request: () => void): void;
}

/** How many connections may keep requests waiting, so that a stream of new ones does not stop those that are open. */
const maxAtOnce = 64;

/**
 * libuv accepts one connection per turn of the event loop. In a process that has much to do a turn takes tens of
 * milliseconds, and the last of some hundred new clients would wait for many seconds before its request is looked at. So
 * requests wait for a turn in which no connection was accepted, or for `maxAtOnce` of those turns, which are short then.
 */
export function createAcceptFirst(): AcceptFirst {
  let waiting: (() => void)[] = [];
  let isAccepting = false;
  let hasAccepted = false;
  let turns = 0;

  const endTurn = () => {
    if (hasAccepted && turns < maxAtOnce) {
      hasAccepted = false;
      turns++;
      setImmediate(endTurn);
      return;
    }
    const requests = waiting;
    waiting = [];
    isAccepting = false;
    hasAccepted = false;
    turns = 0;
    for (const request of requests) request();
  };

  return {
    accepted() {
      hasAccepted = true;
      if (isAccepting) return;
      isAccepting = true;
      setImmediate(endTurn);
    },
    handle(request) {
      if (isAccepting) waiting.push(request);
      else request();
    },
  };
}
