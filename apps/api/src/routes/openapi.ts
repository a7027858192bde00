import { contract, buildOpenApi } from '@posthorn/shared';
import { rawRoute, type Route } from './route.ts';

/**
 * The document of the contract, written once at the start (contract R12), as bytes that all responses share: a client
 * without a token may ask a thousand times at once and read nothing.
 */
export function openApiRoutes(): Route[] {
  const bytes = Buffer.from(JSON.stringify(buildOpenApi()));
  return [
    rawRoute(contract.probes.openapi, (_request, response) => {
      response.type('json').send(bytes);
    }),
  ];
}
