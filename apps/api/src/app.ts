import type { Broker, Log, ProcessMetrics, RedisState, Sessions } from '@posthorn/broker';
import express, { type Express } from 'express';
import type { Config } from './config.ts';
import { accessLog } from './middleware/access-log.ts';
import { allowOrigins } from './middleware/allow-origins.ts';
import { consoleRoutes, redirectToConsole } from './console/console.ts';
import { authenticate, createCheckToken, listTokens } from './middleware/authenticate.ts';
import { handleErrors } from './middleware/handle-errors.ts';
import { limitRate } from './middleware/limit-rate.ts';
import { refuseUnknown } from './middleware/refuse-unknown.ts';
import { requireHost } from './middleware/require-host.ts';
import { useSchemaTexts } from './middleware/schema-texts.ts';
import { forThisMachine, measureRequests, showMetrics } from './metrics.ts';
import { parseQuery } from './parse-query.ts';
import type { Route } from './routes/route.ts';
import { routes } from './routes/routes.ts';

export interface AppParts {
  broker: Broker;
  config: Config;
  log: Log;
  /** Why the process cannot do its work now; `undefined` when it can. */
  findTrouble: () => Promise<string | undefined>;
  metrics: ProcessMetrics;
  /** What Redis promises of an accepted message, as of the last look. */
  durability: () => RedisState['durability'];
  /** What Redis uses, as of the last look. */
  redisState: () => RedisState;
  sessions: Sessions;
  /** Name of the cookie of a session: another one for every installation. */
  cookieName: string;
  /** The version of posthorn. */
  version: string;
  /** Aborted when the process begins to stop: what would last for ever ends. */
  stopping: AbortSignal;
}

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
  const isBehindProxy = config.TRUST_PROXY.length > 0;
  if (isBehindProxy) app.set('trust proxy', config.TRUST_PROXY);

  const table = routes(parts);
  app.use(measureRequests(parts.metrics, table));
  app.use(accessLog(log));
  app.use(requireHost);
  if (config.CORS_ORIGINS.length > 0) app.use(allowOrigins(config.CORS_ORIGINS));
  const { sessions, cookieName } = parts;
  app.use(redirectToConsole);
  const check = createCheckToken(listTokens(config.QSTASH_TOKEN, config.QSTASH_READONLY_TOKEN));
  app.use('/console', consoleRoutes({ sessions, check, cookieName, version: parts.version, log }));
  const isPublic = ({ endpoint }: Route) => endpoint.scope === 'none';
  for (const { method, path, handle } of table.filter(isPublic)) app[method](path, handle);
  const metrics = showMetrics(parts.metrics);
  // A proxy that adds no header looks like a program on this machine; where one is declared, only the token counts.
  if (!isBehindProxy && !config.METRICS_PORT) app.get('/metrics', forThisMachine(metrics));
  // Nothing below this line runs without a token that was checked.
  app.use(authenticate(config.QSTASH_TOKEN, config.QSTASH_READONLY_TOKEN, { sessions, cookieName }));
  app.use(limitRate(broker.rateLimits, config.BURST_RATE_LIMIT));
  for (const route of table) if (!isPublic(route)) app[route.method](route.path, route.handle);
  app.get('/metrics', metrics);
  app.use(refuseUnknown(table));
  app.use(handleErrors(log));
  return app;
}
