import { contract, buildOpenApi } from '@posthorn/shared';
import { rawRoute, type Route } from './route.ts';

/**
 * The document of the contract (contract R12), as bytes that all responses share: a client without a token may ask a
 * thousand times at once and read nothing. It is written for the first who asks: that takes a sixth of the start.
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
