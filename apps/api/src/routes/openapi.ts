import { contract, buildOpenApi } from '@posthorn/shared';
import { rawRoute, type Route } from './route.ts';

/**
 * The document of the contract (contract R12). All responses share its bytes: a client without a token may send a
 * thousand requests at once and read no response. The first request builds it, which takes a sixth as long as the start.
 */
export function openApiRoutes(): Route[] {
  let bytes: Buffer | undefined;
  return [
    rawRoute(contract.probes.openapi, (_request, response) => {
      bytes ??= Buffer.from(JSON.stringify(buildOpenApi()));
      response.type('json').send(bytes);
    }),
  ];
}
