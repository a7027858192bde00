import type { Broker } from '@posthorn/broker';
import { endpoints, type Endpoint } from '@posthorn/shared';
import type { AppParts } from '../app-parts.ts';
import { routes } from './routes.ts';

const broker = { workflows: {} } as Broker;
const table = routes({ broker, config: { qstashToken: [] } } as unknown as AppParts);
const name = ({ method, path }: Endpoint) => `${method} ${path}`;

test('every endpoint of the contract has one route, and every route an endpoint of the contract', () => {
  expect(table.map(({ endpoint }) => name(endpoint)).sort()).toEqual(endpoints.map(name).sort());
});

test('what changes anything needs a token that may write, and so do the signing keys', () => {
  const mayRead = table.filter(({ endpoint }) => endpoint.scope === 'read').map(({ endpoint }) => endpoint);
  expect(mayRead.filter(({ method }) => method !== 'GET').map(name)).toEqual([]);
  expect(mayRead.filter(({ path }) => path.startsWith('/v2/keys'))).toEqual([]);
});

test('only what needs no token is outside of /v2, but for webhooks, whose URLs are secrets', () => {
  for (const { endpoint } of table) {
    const isPublic = !endpoint.path.startsWith('/v2/') || endpoint.path.startsWith('/v2/workflows/hooks/');
    expect([endpoint.path, endpoint.scope === 'none']).toEqual([endpoint.path, isPublic]);
  }
});
