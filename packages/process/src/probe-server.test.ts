import type { AddressInfo } from 'node:net';
import { startMetricsServer } from './metrics-server.ts';
import { startProbeServer } from './probe-server.ts';

const metrics = { contentType: 'text/plain', write: async () => Promise.resolve('up 1') };
const host = '127.0.0.1';
const start = {
  probe: () =>
    startProbeServer({
      host,
      port: 0,
      findTrouble: async () => Promise.resolve(undefined),
      details: () => ({}),
      metrics,
    }),
  metrics: () => startMetricsServer(metrics, host, 0),
};

test.each([
  ['probe', '/health', 200],
  ['probe', '/ready', 200],
  ['probe', '/metrics', 200],
  ['probe', '/', 404],
  ['metrics', '/metrics', 200],
  ['metrics', '/ready', 404],
] as const)('the %s server answers %s with %d, whatever its query', async (name, path, status) => {
  const server = await start[name]();
  try {
    const { port } = server.address() as AddressInfo;
    for (const query of ['', '?', '?verbose', '?a=1&b=/metrics']) {
      expect((await fetch(`http://${host}:${port}${path}${query}`)).status).toBe(status);
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
