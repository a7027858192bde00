import type { findFault } from './reply-faults.ts';

declare global {
  /** What the environment of the tests has loaded for all files of a worker (`jest-environment.ts`). */
  var findReplyFault: typeof findFault | undefined;
}

// A test may put another `fetch` in place of the one that is used here.
const plainFetch = globalThis.fetch;

/** The schemas of all replies take half a second to load: once for all files of a worker, else once for a program. */
const loaded = globalThis.findReplyFault ?? import('./reply-faults.ts').then((faults) => faults.findFault);

/**
 * Checks status, content type and body of a reply against the OpenAPI document.
 *
 * @throws {Error} naming the endpoint, the status and the fault
 */
export async function checkReply(method: string, path: string, response: Response): Promise<void> {
  const { status } = response;
  const text = await response.clone().text();
  const fault = (await loaded)(method, path, status, response.headers.get('content-type') ?? '', text);
  if (fault) throw new Error(`${method} ${path} answered ${status}: ${fault}; its text: ${shorten(text)}`);
}

/** `fetch`, but a reply of the server at `url` that breaks the document is a failure. */
export function fetchChecked(url: string): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const response = await plainFetch(input, init);
    if (request.url.startsWith(url)) await checkReply(request.method, request.url.slice(url.length), response);
    return response;
  };
}

function shorten(text: string): string {
  return text.length > 500 ? `${text.slice(0, 500)}…` : text;
}
