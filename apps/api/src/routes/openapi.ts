import { contract, writeOpenApi } from '@posthorn/shared';
import { rawRoute, type Route } from './route.ts';

/** The document of the contract, written once at the start (contract R12). */
export function openApiRoutes(): Route[] {
  const text = JSON.stringify(writeOpenApi());
  return [
    rawRoute(contract.probes.openapi, (_request, response) => {
      response.type('json').send(text);
    }),
  ];
}
