import type { Broker } from '@posthorn/broker';
import { endpoints, type Endpoint } from '@posthorn/shared';
import type { AppParts } from '../app.ts';
import { routes } from './routes.ts';

const table = routes({ broker: {} as Broker, config: {} } as AppParts);
const name = ({ method, path }: Endpoint) => `${method} ${path}`;

test('every endpoint of the contract has one route, and every route an endpoint of the contract', () => {
  expect(table.map(({ endpoint }) => name(endpoint)).sort()).toEqual(endpoints.map(name).sort());
});

test('only what needs no token is outside of /v2', () => {
  for (const { endpoint } of table) expect(endpoint.scope === 'none').toBe(!endpoint.path.startsWith('/v2/'));
});
