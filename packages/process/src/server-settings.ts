import { z } from 'zod';
import { defineEnvironment, flag, integer, list, maxPeriodSeconds, seconds } from './env.ts';
import { logLevels } from './log.ts';
import { maxProcesses } from './process-number.ts';

/** Variables that both the API and the dispatcher read (contract R13). */
export const serverSettings = defineEnvironment({
  REDIS_URL: {
    schema: z.string('set it, for example to redis://127.0.0.1:6379'),
    help: 'Redis 6.2 or newer: redis://user:password@host:port/database, rediss:// for TLS, or unix:/path?db=number; several, separated by commas, mean a cluster; redis+sentinel://host:port,host:port/master/database means Sentinel. Each installation needs its own database.',
  },
  APIS: {
    schema: integer(1, 1, maxProcesses),
    help: 'Number of processes that an API runs as, all of them behind PORT; each uses up to one core.',
  },
  SHARDS: { schema: integer(8, 1, 256), help: 'Number of engine shards; fixed for the life of the data.' },
  LOG_LEVEL: {
    schema: z.enum(logLevels, `use one of ${logLevels.join(', ')}`).default('info'),
    help: 'Minimum level of the log lines that are written.',
  },
  DURABILITY: {
    schema: z.enum(['always', 'everysec'], 'use always or everysec').default('always'),
    help: 'Durability of an accepted message; posthorn warns when the setting of Redis promises less.',
  },
  MESSAGE_GRACE_SECONDS: {
    schema: seconds(60, 0, maxPeriodSeconds),
    unit: 'ms',
    help: 'How long an ended message can be read by its id.',
  },
  LOG_RETENTION_SECONDS: {
    schema: seconds(604_800, 1, maxPeriodSeconds),
    unit: 'ms',
    help: 'How long the log of a message is kept.',
  },
  MAX_LOG_LINES: {
    schema: integer(3_000_000, 0),
    help: 'Maximum number of log entries, about three per message; beyond it the oldest are removed. 0 for no limit.',
  },
  DLQ_RETENTION_SECONDS: {
    schema: seconds(604_800, 1, maxPeriodSeconds),
    unit: 'ms',
    help: 'How long a dead letter is kept.',
  },
  MAX_RETRY_DELAY_SECONDS: {
    schema: seconds(86_400, 1, maxPeriodSeconds),
    unit: 'ms',
    help: 'Maximum wait before a retry.',
  },
  BACKOFF_FACTOR: {
    schema: z
      .string()
      .regex(/^\d{1,2}(\.\d{1,3})?$/, 'use a number such as 2.5')
      .transform(Number)
      .default(2.5),
    help: 'Factor of the default backoff: the wait in seconds is e to the power of this factor times the number of the retry.',
  },
  ALLOW_PRIVATE_DESTINATIONS: {
    schema: flag(false),
    help: 'Allow destinations with loopback and private addresses.',
  },
  DESTINATION_ALLOW: { schema: list(), help: 'Addresses, CIDR ranges and host names that are always allowed.' },
  DESTINATION_DENY: { schema: list(), help: 'Addresses, CIDR ranges and host names that are never allowed.' },
  MEMORY_WATERMARK_PERCENT: {
    schema: integer(85, 1, 100),
    help: 'Percentage of the maxmemory of Redis above which new messages are refused, so that stored messages can still be delivered.',
  },
  MAX_RESPONSE_BYTES: {
    schema: integer(10 * 1024 * 1024, 0, 512 * 1024 * 1024),
    help: 'Maximum of bytes that are read of a response; a callback contains all of them.',
  },
  WORKFLOW_MAX_RUNS: { schema: integer(100_000, 1), help: 'Maximum number of active runs of workflows.' },
  WORKFLOW_MAX_STEPS: {
    schema: integer(10_000, 1, 100_000),
    help: 'Maximum number of elements in the step log of a run.',
  },
  WORKFLOW_MAX_LOG_BYTES: {
    schema: integer(256 * 1024 * 1024, 1024, 500 * 1024 * 1024),
    help: 'Maximum of bytes in the step log of a run, with the headers of its steps and with steps that wait.',
  },
  WORKFLOW_LAZY_BYTES: {
    schema: z
      .string()
      .regex(/^(-1|\d{1,9})$/, 'use a number of bytes, or -1')
      .transform(Number)
      .default(3 * 1024 * 1024),
    help: 'A step log of more bytes is not part of the request: the endpoint fetches it. -1 for no limit.',
  },
  SHUTDOWN_GRACE_SECONDS: {
    schema: seconds(30),
    unit: 'ms',
    help: 'How long a process that stops waits for work in flight.',
  },
});
