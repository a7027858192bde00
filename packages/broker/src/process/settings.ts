import { z } from 'zod';
import { flag, integer, list, maxPeriodSeconds, secondsAsMs } from './env.ts';
import { logLevels } from './log.ts';

/** Variables that both the API and the dispatcher read (contract, limits-and-defaults.md and running.md section 4). */
export const settings = {
  REDIS_URL: {
    schema: z.string('set it, for example to redis://127.0.0.1:6379'),
    help: 'Redis 6.2 or newer: redis://user:password@host:port/database, rediss:// for TLS, or unix:/path?db=number; several with commas mean a cluster; redis+sentinel://host:port,host:port/master/database means Sentinel. Each installation needs a database of its own.',
  },
  SHARDS: { schema: integer(8, 1, 256), help: 'Number of engine shards; fixed for the life of the data.' },
  LOG_LEVEL: {
    schema: z.enum(logLevels, `use one of ${logLevels.join(', ')}`).default('info'),
    help: 'Least level of a log line that is written.',
  },
  DURABILITY: {
    schema: z.enum(['always', 'everysec'], 'use always or everysec').default('always'),
    help: 'What is promised of an accepted message; a warning is logged when Redis is set to less.',
  },
  MESSAGE_GRACE_SECONDS: {
    schema: secondsAsMs(60, 0, maxPeriodSeconds),
    help: 'How long a message that has ended stays readable by its id.',
  },
  LOG_RETENTION_SECONDS: {
    schema: secondsAsMs(604_800, 1, maxPeriodSeconds),
    help: 'How long the log of a message is kept.',
  },
  MAX_LOG_LINES: {
    schema: integer(3_000_000, 0),
    help: 'Most lines of the log, about three per message; when there are more the oldest go. 0 for no limit.',
  },
  DLQ_RETENTION_SECONDS: {
    schema: secondsAsMs(604_800, 1, maxPeriodSeconds),
    help: 'How long a failed message stays in the dead letter queue.',
  },
  MAX_RETRY_DELAY_SECONDS: { schema: secondsAsMs(86_400, 1, maxPeriodSeconds), help: 'Longest wait before a retry.' },
  BACKOFF_FACTOR: {
    schema: z
      .string()
      .regex(/^\d{1,2}(\.\d{1,3})?$/, 'use a number such as 2.5')
      .transform(Number)
      .default(2.5),
    help: 'Default backoff: e to the power of this factor times the number of the retry, in seconds.',
  },
  ALLOW_PRIVATE_DESTINATIONS: {
    schema: flag(false),
    help: 'Allow destinations with loopback and private addresses.',
  },
  DESTINATION_ALLOW: { schema: list(), help: 'Addresses, CIDR ranges and host names that are always allowed.' },
  DESTINATION_DENY: { schema: list(), help: 'Addresses, CIDR ranges and host names that are never allowed.' },
  MEMORY_WATERMARK_PERCENT: {
    schema: integer(85, 1, 100),
    help: "Share of Redis' maxmemory from which on new messages are refused, so that those it has can be delivered.",
  },
  MAX_RESPONSE_BYTES: {
    schema: integer(10 * 1024 * 1024, 0, 512 * 1024 * 1024),
    help: 'Bytes of a response that are read; a callback carries them all.',
  },
  WORKFLOW_MAX_RUNS: { schema: integer(100_000, 1), help: 'Most active runs of workflows.' },
  WORKFLOW_MAX_STEPS: { schema: integer(10_000, 1, 100_000), help: 'Most elements in the step log of a run.' },
  WORKFLOW_MAX_LOG_BYTES: {
    schema: integer(256 * 1024 * 1024, 1024, 500 * 1024 * 1024),
    help: 'Most bytes of the step log of a run.',
  },
  WORKFLOW_LAZY_BYTES: {
    schema: z
      .string()
      .regex(/^(-1|\d{1,9})$/, 'use a number of bytes, or -1')
      .transform(Number)
      .default(3 * 1024 * 1024),
    help: 'A larger step log is not delivered: the endpoint fetches it. -1 always delivers it.',
  },
  SHUTDOWN_GRACE_SECONDS: { schema: secondsAsMs(30), help: 'How long a process that ends waits for work in flight.' },
} as const;
