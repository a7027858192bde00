import { dlq } from './dlq.ts';
import { events } from './events.ts';
import { flowControl } from './flow-control.ts';
import { messages } from './messages.ts';
import { publish } from './publish.ts';
import { queues } from './queues.ts';
import { signingKeys } from './signing-keys.ts';
import { urlGroups } from './url-groups.ts';

/** Every endpoint of the HTTP API, by noun. */
export const contract = { publish, messages, queues, flowControl, urlGroups, dlq, events, signingKeys };
