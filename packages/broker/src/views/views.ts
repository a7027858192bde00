import type { Backlogs } from './metrics/backlog.ts';
import type { Dlq } from './dlq/dlq.ts';
import { createDlqSummary, type DlqSummary } from './dlq/summary.ts';
import type { LogStore } from '../engine/log/log-store.ts';
import type { LogPages } from './log/log-pages.ts';
import { createLogTail } from '../engine/log/log-tail.ts';
import type { Lanes } from '../engine/lanes/lanes.ts';
import type { Log } from '@posthorn/process';
import type { Queues } from './queues/queues.ts';
import type { RedisConnection } from '../engine/redis/connect.ts';
import type { BodyStore } from '../engine/shards/body.ts';
import type { Shards } from '../engine/shards/shards.ts';
import type { Dispatchers } from './stats/dispatchers.ts';
import { createStatsReader, type StatsReader } from './stats/read-stats.ts';
import { createDestinations, type Destinations } from './destinations/destinations.ts';
import { createFind } from './find/find.ts';
import { createLogStream, type LogStream } from './log/log-stream.ts';
import { createMessageList, type MessageList } from './messages/message-list.ts';
import { createOverview, type OverviewParts } from './overview/overview.ts';
import { createPendingSample } from './overview/pending-sample.ts';
import { createTimelines, type Timelines } from './timeline/timeline.ts';

export interface ViewsParts {
  redis: RedisConnection;
  shards: Shards;
  bodies: BodyStore;
  logs: LogStore;
  logPages: LogPages;
  lanes: Lanes;
  queues: Queues;
  backlogs: Backlogs;
  dlq: Pick<Dlq, 'read'>;
  dispatchers: Dispatchers;
  countSchedules: OverviewParts['countSchedules'];
  log: Log;
  logRetentionMs: number;
  dlqRetentionMs: number;
}

/** What the console and the command line read: views over everything that is stored, which change nothing. */
export interface Views {
  messages: MessageList;
  timelines: Timelines;
  stats: StatsReader;
  destinations: Destinations;
  dlq: DlqSummary;
  overview: ReturnType<typeof createOverview>;
  find: ReturnType<typeof createFind>;
  stream: LogStream;
}

export function createViews(parts: ViewsParts): Views {
  const { redis, shards, logs, dlqRetentionMs, logRetentionMs: retentionMs } = parts;
  const stats = createStatsReader(redis);
  const sample = createPendingSample(redis, shards);
  const dlq = createDlqSummary(redis, shards, dlqRetentionMs, parts.dlq.read);
  return {
    messages: createMessageList({ redis, shards, logs, retentionMs }),
    timelines: createTimelines(parts),
    stats,
    destinations: createDestinations({ stats, dlq, sample }),
    dlq,
    overview: createOverview({ ...parts, sample }),
    find: createFind({ redis, shards, logs, stats }),
    stream: createLogStream({ ...parts, tail: createLogTail(redis) }),
  };
}
