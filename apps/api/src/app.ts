import express, { type Express } from 'express';
import type { AppParts } from './app-parts.ts';
import { accessLog } from './middleware/access-log.ts';
import { allowOrigins } from './middleware/allow-origins.ts';
import { consoleRoutes, redirectToConsole } from './console/console.ts';
import { authenticate, createCheckToken, listTokens } from './middleware/authenticate.ts';
import { handleErrors } from './middleware/handle-errors.ts';
import { createCountRequest, limitRate } from './middleware/limit-rate.ts';
import { refuseUnknown } from './middleware/refuse-unknown.ts';
import { requireHost } from './middleware/require-host.ts';
import { useSchemaTexts } from './middleware/schema-texts.ts';
import { forThisMachine, measureRequests, showMetrics } from './metrics.ts';
import { parseQuery } from './parse-query.ts';
import type { Route } from './routes/route.ts';
import { routes } from './routes/routes.ts';

/**
 * The HTTP API. A route is public only if its row in the contract has the scope `none`; everything else, a path that
 * does not exist included, needs a token.
 */
export function createApp(parts: AppParts): Express {
  useSchemaTexts();
  const { broker, config, log } = parts;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', parseQuery);
  const isBehindProxy = config.trustProxy.length > 0;
  if (isBehindProxy) app.set('trust proxy', config.trustProxy);

  const table = routes(parts);
  app.use(measureRequests(parts.metrics, table));
  app.use(accessLog(log));
  app.use(requireHost);
  if (config.corsOrigins.length > 0) app.use(allowOrigins(config.corsOrigins));
  const { sessions, cookieName } = parts;
  const isPublic = ({ endpoint }: Route) => endpoint.scope === 'none';
  const isUnlimited = (route: Route) => route.endpoint.unlimited === true && !isPublic(route);
  const authenticated = authenticate(config.qstashToken, config.qstashReadonlyToken, { sessions, cookieName });
  // What is published: Express asks each entry of its table, one after the other, whether it is meant.
  for (const { method, path, handle } of table.filter(isUnlimited)) app[method](path, authenticated, handle);
  app.use(redirectToConsole);
  const check = createCheckToken(listTokens(config.qstashToken, config.qstashReadonlyToken));
  const countRequest = createCountRequest(broker.rateLimits, config.burstRateLimit);
  app.use('/console', consoleRoutes({ sessions, check, countRequest, cookieName, version: parts.version, log }));
  for (const { method, path, handle } of table.filter(isPublic)) app[method](path, handle);
  const { contentType, write, writeCommon } = parts.metrics;
  // With several processes behind one port, each request reaches another one, and counters would jump.
  const metrics = showMetrics({ contentType, write: config.apis > 1 ? writeCommon : write });
  // A proxy that adds no header looks like a program on this machine; where one is declared, only the token counts.
  if (!isBehindProxy && !config.metricsPort) app.get('/metrics', forThisMachine(metrics));
  // Routes below this line run only with a valid token.
  app.use(authenticated);
  const limit = limitRate(countRequest);
  for (const route of table) {
    if (!isPublic(route) && !isUnlimited(route)) app[route.method](route.path, limit, route.handle);
  }
  app.get('/metrics', limit, metrics);
  app.use(limit, refuseUnknown(table));
  app.use(handleErrors(log));
  return app;
}
