import { createServer, type Server } from 'node:http';
import { listen } from './listen.ts';
import { answerMetrics, parsePath, type MetricsText } from './metrics-server.ts';

export interface ProbeOptions {
  host: string;
  port: number;
  /** Why the process cannot do its work now; `undefined` when it can. */
  findTrouble: () => Promise<string | undefined>;
  /** What else is worth knowing of a process that is ready or not. */
  details: () => object;
  metrics: MetricsText;
}

/**
 * Serves `/health`, `/ready` and `/metrics` of a process without another server, on `PROBE_PORT` (contract R10, R11).
 *
 * @throws {ConfigurationError} when it cannot listen there
 */
export async function startProbeServer(options: ProbeOptions): Promise<Server> {
  const { host, port, findTrouble, details, metrics } = options;
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    };
    const path = parsePath(request);
    if (path === '/health') answer(200, { status: 'ok' });
    else if (path === '/ready') {
      void findTrouble().then((trouble) => {
        if (trouble) answer(503, { error: trouble, ...details() });
        else answer(200, { status: 'ready', ...details() });
      });
    } else if (path === '/metrics') {
      void answerMetrics(response, metrics, () => answer(500, { error: 'The metrics could not be written.' }));
    } else answer(404, { error: 'There are only /health, /ready and /metrics here.' });
  });
  await listen(server, { variable: 'PROBE_PORT', host, port, exclusive: true });
  return server;
}
