/**
 * Error replies of a Redis that cannot do its work now: full, read-only, starting, without a disk, or not reachable. Before
 * version 7 the response to a script has them in the middle.
 */
const replies = /(^|[: ]-)(OOM|MISCONF|READONLY|LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|UNKILLABLE)\b/;
const connection =
  /^(Command timed out|Command aborted due to connection close|Connection is closed|Stream isn't writeable|Reached the max retries|None of startup nodes|Failed to refresh slots|All sentinels are unreachable|ERR max number of clients)/;
/**
 * Errors of a cluster that has lost a node, or moves slots to another one. The last one means that a slot was moved between
 * the call of a command and the moment at which it was sent with others.
 */
const cluster =
  /^(Cluster isn't ready|Cluster is (ended|disconnected|disconnecting)|Node is disconnected|Too many Cluster redirections|MOVED \d|ASK \d|All keys in the pipeline should belong to the same slots allocation group)/;
const codes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  // This machine cannot connect now; it is no fault of the request either.
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EADDRNOTAVAIL',
]);

/** Within a script Redis says it in other words, which differ by version. */
const denials = /(^|[: ]-)(NOPERM|NOAUTH|WRONGPASS)\b|The user executing the script can't|ACL failure in script/;

/** Whether Redis does not know this user, or denies it a command, a key or a channel. */
export function isDenied(error: unknown): error is Error {
  return error instanceof Error && denials.test(error.message);
}

/** Whether this error is a temporary one of Redis. Then the caller gets 503 and can try again. */
export function isRedisUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { message } = error;
  const code = 'code' in error ? String(error.code) : '';
  return (
    replies.test(message) ||
    isDenied(error) ||
    connection.test(message) ||
    cluster.test(message) ||
    (codes.has(code) && 'syscall' in error)
  );
}

/** Has Redis itself refused a command, for a reason that passes? Not for being read-only: another connection may help then. */
export function isRefusal(error: unknown): boolean {
  const code = error instanceof Error ? replies.exec(error.message)?.[2] : undefined;
  return code !== undefined && code !== 'READONLY';
}

export function refusesForMemory(error: Error): boolean {
  return replies.exec(error.message)?.[2] === 'OOM';
}
