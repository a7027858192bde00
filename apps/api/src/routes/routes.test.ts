import type { Broker } from '@posthorn/broker';
import { endpoints, type Endpoint } from '@posthorn/shared';
import type { AppParts } from '../app-parts.ts';
import { routes } from './routes.ts';

const table = routes({ broker: {} as Broker, config: {} } as AppParts);
const name = ({ method, path }: Endpoint) => `${method} ${path}`;

test('every endpoint of the contract has one route, and every route an endpoint of the contract', () => {
  expect(table.map(({ endpoint }) => name(endpoint)).sort()).toEqual(endpoints.map(name).sort());
});

test('what changes anything needs a token that may write, and so do the signing keys', () => {
  const mayRead = table.filter(({ endpoint }) => endpoint.scope !== 'write').map(({ endpoint }) => endpoint);
  expect(mayRead.filter(({ method }) => method !== 'GET').map(name)).toEqual([]);
  expect(mayRead.filter(({ path }) => path.startsWith('/v2/keys'))).toEqual([]);
});

test('only what needs no token is outside of /v2', () => {
  for (const { endpoint } of table) expect(endpoint.scope === 'none').toBe(!endpoint.path.startsWith('/v2/'));
});
