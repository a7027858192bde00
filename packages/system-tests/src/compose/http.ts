/** A request with a time limit: a container that is not ready may take a connection and say nothing. */
export async function call(url: string, init: RequestInit = {}): Promise<Response> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), 10_000);
  return fetch(url, { ...init, signal: controller.signal }).finally(() => clearTimeout(timer));
}

export async function readJson<T>(url: string, init?: RequestInit): Promise<T> {
  return (await (await call(url, init)).json()) as T;
}
