import type { Broker, Log, ProcessMetrics, RedisFacts } from '@posthorn/broker';
import { PosthornError } from '@posthorn/shared';
import express, { type Express } from 'express';
import type { Config } from './config.ts';
import { accessLog } from './middleware/access-log.ts';
import { authenticate } from './middleware/authenticate.ts';
import { handleErrors } from './middleware/handle-errors.ts';
import { limitRate } from './middleware/limit-rate.ts';
import { requireHost } from './middleware/require-host.ts';
import { measureRequests, showMetrics } from './metrics.ts';
import { routes } from './routes/routes.ts';

export interface AppParts {
  broker: Broker;
  config: Config;
  log: Log;
  /** Why the process cannot do its work now; `undefined` when it can. */
  findTrouble: () => Promise<string | undefined>;
  metrics: ProcessMetrics;
  /** What Redis promises of an accepted message. */
  durability: RedisFacts['durability'];
}

/** The HTTP API: who may come in, the routes, and what becomes of an error. */
export function createApp(parts: AppParts): Express {
  const { broker, config, log } = parts;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  if (config.TRUST_PROXY) app.set('trust proxy', config.TRUST_PROXY);

  const table = routes(parts);
  app.use(measureRequests(parts.metrics, table));
  app.use(accessLog(log));
  app.use(requireHost);
  app.use(authenticate(config.QSTASH_TOKEN, config.QSTASH_READONLY_TOKEN));
  app.use(limitRate(broker.rateLimits, config.BURST_RATE_LIMIT));
  for (const { method, path, handle } of table) app[method](path, handle);
  app.get('/metrics', showMetrics(parts.metrics));
  app.use((request, _response, next) => {
    next(new PosthornError('not_found', `There is no ${request.method} ${request.path}.`));
  });
  app.use(handleErrors(log));
  return app;
}
