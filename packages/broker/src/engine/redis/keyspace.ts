/** Name of BullMQ's queue. Each shard has one. */
export const bullmqQueue = 'deliver';

/**
 * Every key in Redis, with its type and its expiry. Keys of one shard share its hash tag, so that every script stays
 * in one slot of a cluster.
 */
export const keyspace = {
  /** Prefix of everything that belongs to a shard; also the prefix that BullMQ puts before its keys. */
  shard: (shard: number) => `{d${shard}}`,
  /** Prefix of the keys that BullMQ itself has in a shard. */
  bullmq: (shard: number) => `{d${shard}}:${bullmqQueue}:`,

  /** hash: the log of one message, a field per entry; expires after the log retention. */
  messageLog: (shard: number, messageId: string) => `{d${shard}}:history:${messageId}`,

  /**
   * string: `<retries before the attempt>:` and the body of the last response to that message, for its log and its dead
   * letter; expires with the last of them.
   */
  response: (shard: number, messageId: string) => `{d${shard}}:answer:${messageId}`,

  /** string: number of the newest segment of the list of all log entries. */
  logHead: '{log}:head',

  /** string: records of entries, in the order in which they were written; expires after the log retention. */
  logSegment: (segment: number | '') => `{log}:segment:${segment}`,

  /**
   * Counts over time (`stats/`); all share a slot. hash `h:<group>:<hour>:<value>`: minute to its counts;
   * hash `d:<group>:<day>:<value>`: hour to its counts; set `k:<group>:<day>`: values of the day; hash `l:<day>`: the
   * last delivery and the last error of each host. They expire after two and 31 days. The value of an endpoint of a URL
   * group is a hash of both.
   */
  stats: 'posthorn:{stats}:',

  /** Never exists: what is asked whether Redis takes writes. */
  writeProbe: 'posthorn:write-probe',

  /** hash: id of a dispatcher to its last sign of life, as JSON. */
  dispatchers: 'posthorn:dispatchers',

  /** string: a session of the console, under a hash of its cookie; expires with the session. */
  session: (hash: string) => `posthorn:session:${hash}`,
  /** string: a code that opens one session of the console, under its hash; expires after ten minutes. */
  signInCode: (hash: string) => `posthorn:sign-in-code:${hash}`,
  /** zset: hashes of the sessions of the console that a scope has, by their end; expires with the last of them. */
  sessions: (scope: string) => `posthorn:sessions:${scope}`,
  /** zset: the same of codes. */
  signInCodes: (scope: string) => `posthorn:sign-in-codes:${scope}`,
  /** hash: `count` of failed sign-ins of an address in the current minute, with which it expires. */
  failedSignIns: (address: string) => `posthorn:failed-sign-ins:${address}`,

  /** hash: the bytes of a large body, and the messages that still need them; expires when none does. */
  body: (shard: number, bodyId: string) => `{d${shard}}:body:${bodyId}`,

  /**
   * The index of the messages of a shard that have not ended (`pending-index.ts`). hash: how many messages were added with
   * a row, the number of the newest segment, and what is known of each segment. `<key>:<number>` is a segment, a string.
   */
  pendingHead: (shard: number) => `{d${shard}}:pending`,
  /** string: rows of the messages that were added last; becomes a segment within seconds. */
  pendingRows: (shard: number) => `{d${shard}}:pending:rows`,

  /** zset: dead letters by the time of failure, in milliseconds: `<id>:<digest>` (`dlq-list.ts`), once `<id>` alone. */
  dlq: (shard: number) => `{d${shard}}:dlq`,

  /** hash: id of a dead letter to its JSON. */
  dlqEntries: (shard: number) => `{d${shard}}:dlq:entries`,

  /**
   * hash: id of a message to the id of its dead letter, so that a message is buried once; and id of a dead letter to its
   * owner, `<message id>` or `<message id> <key of its body>`, so that it is removed without being read.
   */
  dlqIds: (shard: number) => `{d${shard}}:dlq:ids`,

  /**
   * The keys of a queue or of a flow-control key. Its name comes last: it may be any text, and must not look like another
   * key. hash: its state; that of a flow-control key expires when it is idle.
   */
  lane: (shard: number, kind: LaneKind, name: string) => `{d${shard}}:${kind}:state:${name}`,
  /** zset: ids of messages that hold a slot, by the end of their lease. */
  laneHolders: (shard: number, kind: LaneKind, name: string) => `{d${shard}}:${kind}:holders:${name}`,
  /** zset: ids of messages that wait for a slot, by their position. */
  laneWaiters: (shard: number, kind: LaneKind, name: string) => `{d${shard}}:${kind}:waiters:${name}`,
  /** zset: of a queue, ids of delayed messages that will enter it, by the time at which they do, ms. */
  laneDelayed: (shard: number, kind: LaneKind, name: string) => `{d${shard}}:${kind}:delayed:${name}`,
  /** set: what must end before the slot of this message is free. */
  laneParts: (shard: number, kind: LaneKind, name: string, messageId: string) =>
    `{d${shard}}:${kind}:parts:${messageId}:${name}`,

  /** zset: `queue:<name>` and `flow:<key>` of lanes in which messages wait or run, by the time of their last step. */
  busyLanes: (shard: number) => `{d${shard}}:lanes:busy`,

  /** zset: `flow:<key>`, by the time after which the key is forgotten; infinite for one that is paused or pinned. */
  flowKeys: (shard: number) => `{d${shard}}:flow-keys`,

  /** set: names of queues. */
  queues: (shard: number) => `{d${shard}}:queues`,

  /** string: requests of a caller in the current second, with which it expires. */
  requestsInSecond: (caller: string) => `posthorn:requests:${caller}`,

  /** hash: name of a URL group to its JSON. */
  urlGroups: 'posthorn:url-groups',

  /**
   * hash: one schedule: its definition, when it is due next, what became of the last trigger. All schedules share a slot:
   * each trigger is a step of one script over all of them. Its messages lie in the shards.
   */
  schedule: (scheduleId: string) => `{schedules}:schedule:${scheduleId}`,
  /** zset: ids of all schedules, by the time at which a dispatcher must look at them. */
  dueSchedules: '{schedules}:due',

  /** hash: what all processes must agree on: `shards`, `signing-keys`, and `data`, a name that is gone with it. */
  settings: 'posthorn:settings',

  /** channel: gets a message for every change of the signing keys. */
  signingKeysChanged: 'posthorn:signing-keys-changed',
} as const;

type LaneKind = 'queue' | 'flow';
