import type { Message } from '@posthorn/shared';

/** What is taken for a body whose message does not tell its size: a publish with the default limits has no larger one. */
const unknownBytes = 10 * 1024 * 1024;

/** About how many bytes the body of an attempt has, from the message alone: before the body is read. */
export function estimateRequestBytes({ body, workflow }: Message): number {
  // An endpoint gets the log of its run up to its own element; the report of a failure has the payload of the run.
  if (workflow) {
    const { kind, start = 0, end = unknownBytes, isLazy } = workflow;
    if (kind === 'call' || kind === 'callback') return end - start;
    // A long log is not sent to an endpoint that fetches it.
    return isLazy ? Math.min(end, unknownBytes) : end;
  }
  switch (body.kind) {
    case 'empty':
      return 0;
    case 'text':
      return body.text.length;
    case 'base64':
      return body.base64.length;
    // Also of a kind that only another version knows: what is no number would spoil every sum.
    default:
      return body.sizeBytes ?? unknownBytes;
  }
}
