import { findNearest, PosthornError } from '@posthorn/shared';
import type { RequestHandler } from 'express';
import type { Route } from '../routes/route.ts';

/**
 * Answers what no route has taken: 405 with `Allow` where the path knows other methods, 400 where it lacks a name or an
 * id, 404 everywhere else. It stands behind authentication, so that a request without a token learns nothing about paths.
 */
export function refuseUnknown(routes: readonly Route[]): RequestHandler {
  const known = routes.map(({ endpoint: { method, path }, path: routePath }) => ({
    method,
    // A route of its own pattern may take more than the path in the contract shows. That of a GET may take any rest.
    patterns: [createPattern(path), ...(routePath instanceof RegExp && method !== 'GET' ? [routePath] : [])],
    lackingPattern: createPattern(path, '([^/]*)'),
    parameters: [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name),
  }));
  const collections = [...new Set(routes.map(({ endpoint }) => endpoint.path.split('/').slice(0, 3).join('/')))];

  return (request, response, next) => {
    const path = request.path.replace(/(?<=.)\/$/, '');
    const isMeant = ({ patterns }: (typeof known)[number]) => patterns.some((pattern) => pattern.test(path));
    const allowed = [...new Set(known.filter(isMeant).map(({ method }) => method))].sort();
    if (allowed.length > 0) {
      response.setHeader('Allow', allowed.join(', '));
      next(
        new PosthornError('method_not_allowed', `${request.method} is not possible here: use ${allowed.join(' or ')}.`),
      );
      return;
    }
    for (const { method, lackingPattern, parameters } of known) {
      const values = method === request.method ? lackingPattern.exec(path)?.slice(1) : undefined;
      const missing = parameters.find((_, index) => values?.[index] === '');
      if (missing === undefined) continue;
      next(new PosthornError('invalid_request', `${missing}: the path has an empty segment in place of it`));
      return;
    }
    const start = path.split('/').slice(0, 3).join('/');
    // Ignore the common prefix when comparing.
    const prefix = start.startsWith('/v2/') ? '/v2/' : '';
    const others = collections.filter((collection) => collection !== start && collection.startsWith(prefix));
    const nearest = findNearest(
      start.slice(prefix.length),
      others.map((collection) => collection.slice(prefix.length)),
    );
    const advice =
      nearest === undefined
        ? 'The API is below /v2; GET /openapi.json describes it.'
        : `Did you mean ${prefix}${nearest}?`;
    next(new PosthornError('not_found', `There is no ${request.method} ${path.slice(0, 200)}. ${advice}`));
  };
}

/** The paths that an endpoint of the contract is about; a destination may have any form. */
function createPattern(path: string, parameter = '[^/]+'): RegExp {
  const pattern = path.replace(/\/\*\w+$/, '(?:/.*)?').replace(/:\w+/g, parameter);
  return new RegExp(`^${pattern}$`, 'is');
}
