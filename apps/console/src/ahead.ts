declare global {
  /** Reads that `first.js` has sent, by their paths. */
  var posthornAhead: Map<string, Promise<Response>>;
}

/** What was asked for before the script of the console was loaded. */
export const listAhead = (): string[] => [...posthornAhead.keys()];

/** The reply to such a read, once. */
export function takeAhead(path: string): Promise<Response> | undefined {
  const reply = posthornAhead.get(path);
  posthornAhead.delete(path);
  return reply;
}
