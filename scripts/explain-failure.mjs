// What a failed command of the set-up says, as one sentence for the person who has to do something about it.

const causes = [
  [/ENOSPC|no space left on device/i, 'the disk is full; free some space and start again.'],
  [/EDQUOT|disk quota exceeded/i, 'the disk quota of this user is used up; free some space and start again.'],
  [
    /EROFS|read-only file system/i,
    'the checkout is on a read-only file system; copy it to a place that can be written.',
  ],
  [
    /ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|fetch failed|dns error|error sending request/i,
    (output) =>
      `${nameHost(output)} cannot be reached (${nameCode(output)}); check the network connection and the proxy settings of npm.`,
  ],
  [
    /CERT_|self[- ]signed certificate|unable to (get|verify) .*certificate|invalid peer certificate/i,
    (output) =>
      `${nameHost(output)} has a certificate that is not trusted; set NODE_EXTRA_CA_CERTS if a proxy replaces it.`,
  ],
  [
    /EACCES|EPERM|permission denied/i,
    'this user may not write into the checkout or the cache of npm; see `ls -ld . node_modules ~/.npm`.',
  ],
  [
    /\bE40[13]\b|401 Unauthorized|403 Forbidden/,
    (output) => `${nameHost(output)} refuses the request; check the credentials in .npmrc.`,
  ],
];

/** The cause and the remedy, or `undefined` when the output names no cause that is known. */
export function explainFailure(output) {
  const [, cause] = causes.find(([pattern]) => pattern.test(output)) ?? [];
  return typeof cause === 'function' ? cause(output) : cause;
}

function nameHost(output) {
  const host = /https?:\/\/([^\s/"')]+)/.exec(output)?.[1];
  return host ? `the package registry ${host}` : 'the package registry';
}

function nameCode(output) {
  return (
    /\b(ENOTFOUND|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT)\b/.exec(
      output,
    )?.[1] ?? 'no answer'
  );
}
