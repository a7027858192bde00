import type { Log } from '@posthorn/process';
import type { RequestHandler } from 'express';

/**
 * Logs one line per request at `debug`: a line per message costs too much by default. Destinations and queries are left
 * out, because they may contain secrets.
 */
export function accessLog(log: Log): RequestHandler {
  return (request, response, next) => {
    if (log.isLevelEnabled('debug')) {
      const startedAt = performance.now();
      response.on('finish', () => {
        const durationMs = Math.round(performance.now() - startedAt);
        log.debug(
          {
            method: request.method,
            path: request.path.split('/', 3).join('/'),
            status: response.statusCode,
            durationMs,
          },
          'request.finished',
        );
      });
    }
    next();
  };
}
