import type { AppParts } from '../app-parts.ts';
import { createWarn } from '../middleware/warn.ts';
import { batchRoutes } from './batch.ts';
import { dlqRoutes } from './dlq.ts';
import { eventRoutes } from './events.ts';
import { findRoutes } from './find.ts';
import { flowControlRoutes } from './flow-control.ts';
import { createGate } from './gate.ts';
import { limitRoutes } from './limits.ts';
import { logStreamRoutes } from './log-stream.ts';
import { messageListRoutes } from './message-list.ts';
import { messageRoutes } from './messages.ts';
import { openApiRoutes } from './openapi.ts';
import { createPageRoute } from './page-route.ts';
import { probeRoutes } from './probes.ts';
import { publishRoutes } from './publish.ts';
import { queueRoutes } from './queues.ts';
import type { Route } from './route.ts';
import { scheduleRoutes } from './schedules.ts';
import { signingKeyRoutes } from './signing-keys.ts';
import { statsRoutes } from './stats.ts';
import { urlGroupRoutes } from './url-groups.ts';
import { workflowDlqRoutes } from './workflow-dlq.ts';
import { workflowLogRoutes } from './workflow-logs.ts';
import { parseUsers, workflowRoutes } from './workflows.ts';

/**
 * A list may read the whole log, and its response may have 16 MiB. Two lists are read at a time, which keeps this
 * process and Redis free for publishing. A single resource is read quickly, but its body may be large. Counts and the
 * state of the system are quick and small. The log of a run is long, but read and sent in small pieces.
 */
const limits = {
  lists: { atOnce: 2, waiting: 100 },
  singles: { atOnce: 8, waiting: 1000 },
  views: { atOnce: 4, waiting: 400 },
  logs: { atOnce: 32, waiting: 1000 },
};

/** Every route, the busiest first: Express looks at them in this order. */
export function routes(parts: AppParts): Route[] {
  const { broker, config } = parts;
  const list = createPageRoute(limits.lists);
  const single = createPageRoute(limits.singles);
  const view = createPageRoute(limits.views);
  const logs = createGate(limits.logs);
  const warn = createWarn(parts.log);
  return [
    ...publishRoutes(broker, warn, config.maxMessageBytes, config.maxResponseBytes),
    ...batchRoutes(broker, warn, {
      maxBytes: config.maxBatchBytes,
      maxItems: config.maxBatchItems,
      maxMessageBytes: config.maxMessageBytes,
    }),
    ...workflowRoutes(broker, { list, logs }, config, parseUsers(config.qstashToken)),
    ...workflowLogRoutes(broker, list),
    ...workflowDlqRoutes(broker, { list, single }),
    ...messageRoutes(broker, single),
    ...messageListRoutes(broker, { list, single }),
    ...eventRoutes(broker, list, warn),
    ...queueRoutes(broker, list),
    ...flowControlRoutes(broker, list),
    ...dlqRoutes(broker, { list, single }),
    ...urlGroupRoutes(broker, { list, single, view }),
    ...scheduleRoutes(broker, { list, single }, warn, config.maxMessageBytes),
    ...signingKeyRoutes(broker),
    ...statsRoutes(parts, view),
    ...limitRoutes(config),
    ...findRoutes(broker, view),
    ...logStreamRoutes(parts),
    ...probeRoutes(parts),
    ...openApiRoutes(),
  ];
}
