import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { listen } from './listen.ts';

/** What a scraper reads. */
export interface MetricsText {
  contentType: string;
  write(): Promise<string>;
}

/** The path of a request, without its query. */
export function parsePath({ url = '' }: IncomingMessage): string {
  return url.replace(/\?.*$/, '');
}

/** Answers a request for the metrics. */
export async function answerMetrics(
  response: ServerResponse,
  metrics: MetricsText,
  answerFailure: () => void,
): Promise<void> {
  try {
    const text = await metrics.write();
    response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text);
  } catch {
    answerFailure();
  }
}

/**
 * Serves `/metrics` alone, for scrapers on other machines (`METRICS_PORT`).
 *
 * @throws {ConfigurationError} when it cannot listen there
 */
export async function startMetricsServer(metrics: MetricsText, host: string, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    if (parsePath(request) === '/metrics') void answerMetrics(response, metrics, () => response.writeHead(500).end());
    else response.writeHead(404).end();
  });
  await listen(server, { variable: 'METRICS_PORT', host, port, exclusive: true });
  return server;
}
