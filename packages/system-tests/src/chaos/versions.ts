import { readFileSync } from 'node:fs';
import type { TestRedis } from '@posthorn/testkit';

/** What a figure was measured with. */
export async function readVersions(client: TestRedis['client']): Promise<Record<string, string>> {
  const info = await client.info('server');
  const setting = async (name: string) => (await client.config('GET', name))[1] ?? 'unknown';
  const isDurable = (await setting('appendonly')) === 'yes';
  return {
    posthorn: readVersion(new URL('../../../../package.json', import.meta.url)),
    node: process.versions.node,
    redis: /^(?:valkey|redis)_version:(\S+)/m.exec(info)?.[1] ?? 'unknown',
    bullmq: readVersion(new URL('../../package.json', import.meta.resolve('bullmq'))),
    fsync: isDurable ? await setting('appendfsync') : 'none',
  };
}

function readVersion(file: URL): string {
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
