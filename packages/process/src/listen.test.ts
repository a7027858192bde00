import { createServer } from 'node:net';
import { listen, requireDistinctPorts } from './listen.ts';

test.each([
  ['PORT', 'HOST'],
  ['METRICS_PORT', 'METRICS_HOST'],
  ['PROBE_PORT', 'PROBE_HOST'],
])('what sets the address of %s is %s', async (variable, hostVariable) => {
  const listening = listen(createServer(), { variable, host: '192.0.2.1', port: 0 });
  await expect(listening).rejects.toThrow(
    `${hostVariable}: 192.0.2.1 is no address of this machine; set ${hostVariable} to one.`,
  );
});

const check = (host: string, other: string, ports = [9000, 9001]) =>
  requireDistinctPorts(
    { variable: 'PORT', name: 'the API', host, ports: [9001] },
    { variable: 'METRICS_PORT', name: 'the metrics', host: other, ports },
  );

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['0.0.0.0', '127.0.0.1'],
  ['10.0.0.5', '0.0.0.0'],
  ['::', '0.0.0.0'],
  ['::1', '::'],
])('a server on %s and one on %s do not share a port', (host, other) => {
  const sentence = 'METRICS_PORT: 9001 is the port of the API (PORT); set METRICS_PORT to another number.';
  expect(() => check(host, other)).toThrow(sentence);
  expect(() => check(host, other, [9000])).not.toThrow();
});

test.each([
  ['127.0.0.1', '10.0.0.5'],
  ['0.0.0.0', '::1'],
])('a server on %s may have the port of one on %s', (host, other) => {
  expect(() => check(host, other)).not.toThrow();
});
