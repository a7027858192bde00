import { createServer, type Server } from 'node:http';
import { ConfigurationError } from '@posthorn/broker';

export interface ProbeOptions {
  host: string;
  port: number;
  /** Why the process cannot do its work now; `undefined` when it can. */
  findTrouble: () => Promise<string | undefined>;
  /** What else is worth knowing of a process that is ready or not. */
  details: () => object;
  metrics: { contentType: string; write(): Promise<string> };
}

/** `/health`, `/ready` and `/metrics` of a dispatcher (contract R10, R11). */
export function startProbe({ host, port, findTrouble, details, metrics }: ProbeOptions): Promise<Server> {
  const server = createServer((request, response) => {
    const answer = (status: number, body: object) => {
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    };
    if (request.url === '/health') answer(200, { status: 'ok' });
    else if (request.url === '/ready') {
      void findTrouble().then((trouble) => {
        if (trouble) answer(503, { error: trouble, ...details() });
        else answer(200, { status: 'ready', ...details() });
      });
    } else if (request.url === '/metrics') {
      metrics.write().then(
        (text) => response.writeHead(200, { 'Content-Type': metrics.contentType }).end(text),
        () => answer(500, { error: 'The metrics could not be written.' }),
      );
    } else answer(404, { error: 'There are only /health, /ready and /metrics here.' });
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(
        new ConfigurationError(
          `PROBE_PORT: cannot listen on ${host}:${port} (${error.message}); set it to a free port.`,
        ),
      );
    });
    server.listen(port, host, () => {
      resolve(server);
    });
  });
}
