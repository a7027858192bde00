import { dlq } from './dlq.ts';
import type { Endpoint } from './endpoint.ts';
import { events } from './events.ts';
import { find } from './find.ts';
import { flowControl } from './flow-control.ts';
import { limits } from './limits.ts';
import { messageList } from './message-list.ts';
import { messages } from './messages.ts';
import { probes } from './probes.ts';
import { publish } from './publish.ts';
import { queues } from './queues.ts';
import { schedules } from './schedules.ts';
import { signingKeys } from './signing-keys.ts';
import { stats } from './stats.ts';
import { urlGroups } from './url-groups.ts';
import { workflowDlq } from './workflow-dlq.ts';
import { workflowLogs } from './workflow-logs.ts';
import { workflowRuns } from './workflow-runs.ts';

/** Every endpoint of the HTTP API, by noun. */
export const contract = {
  publish,
  messages,
  messageList,
  queues,
  flowControl,
  urlGroups,
  dlq,
  events,
  schedules,
  signingKeys,
  stats,
  limits,
  find,
  workflowRuns,
  workflowLogs,
  workflowDlq,
  probes,
};

/** The same, one after the other. */
export const endpoints: readonly Endpoint[] = Object.values(contract).flatMap((noun) => Object.values<Endpoint>(noun));
