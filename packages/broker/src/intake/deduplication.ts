import { createHash } from 'node:crypto';
import type { HeaderMap, PublishOptions } from '@posthorn/shared';

/**
 * One key per target of a publish: targets with the same key are the same message within the window. A URL is found by
 * its deduplication id alone, an endpoint of a group also by group and URL, so that a new endpoint still gets the
 * message (contract D25). `undefined` without deduplication.
 */
export function deduplicationKeys(
  { deduplicationId, deduplicateByContent }: PublishOptions,
  targets: readonly { url: string; topicName?: string }[],
  header: HeaderMap,
  body: Buffer,
): string[] | undefined {
  if (deduplicationId !== undefined) {
    return targets.map(({ url, topicName }) => hash('id', deduplicationId, ...(topicName ? [topicName, url] : [])));
  }
  if (!deduplicateByContent) return undefined;
  const names = Object.keys(header).sort();
  const content = createHash('sha256')
    .update(JSON.stringify(names.map((name) => [name, header[name]])))
    .update('\0')
    .update(body)
    .digest('base64url');
  return targets.map(({ url, topicName }) => hash('content', content, url, topicName ?? ''));
}

/** A text of fixed length and alphabet, because it becomes part of a key in Redis. */
function hash(...parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}
