import type { Answer, ErrorKind } from '@posthorn/shared';

const texts: readonly [RegExp, ErrorKind][] = [
  [/^unable to resolve host|^the host is not found/, 'dns'],
  [/^no complete response within /, 'timeout'],
  [/^TLS: |certificate|altnames|\bSSL\b|\bTLS\b/i, 'tls'],
  // The guard says `endpoint ...` of an address or a host that it refuses.
  [/^connect |did not accept the connection|^endpoint /, 'connect'],
];

/** The kind of fault of a failed attempt: as the transport named it, else by the status or the error text. */
export function readErrorKind({ status, error = '', errorKind }: Answer): ErrorKind {
  if (errorKind) return errorKind;
  if (status > 0) return 'http';
  return texts.find(([text]) => text.test(error))?.[1] ?? 'protocol';
}
