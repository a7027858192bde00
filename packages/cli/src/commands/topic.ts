import type { UrlGroup } from '@posthorn/sdk';
import type { Command } from 'commander';
import type { Act } from '../act.ts';
import { createLimit } from '../arguments.ts';
import type { Column } from '../output/table.ts';
import { formatCount } from '../output/text.ts';
import { formatDistance } from '../output/time.ts';

export function addTopic(command: Command, act: Act): void {
  command
    .command('list')
    .description('list all topics')
    .addOption(createLimit())
    .action(
      act(async ({ client, output }, { limit }: { limit: number }) => {
        output.table((await client.urlGroups.list()).slice(0, limit), columns, 'no topics');
      }),
    );

  command
    .command('get <name>')
    .description('show a topic and its endpoints')
    .action(
      act(async ({ client, output }, name: string) => {
        output.fields(await client.urlGroups.get(name));
      }),
    );

  command
    .command('add <name> <endpoints...>')
    .description('add endpoints: each a URL, or name=URL; the topic is created when needed')
    .action(
      act(async ({ client, output }, name: string, texts: string[]) => {
        await client.urlGroups.addEndpoints({ name, endpoints: texts.map(parseEndpoint) });
        output.done(`Added ${formatCount(texts.length, 'endpoint')} to topic ${name}.`);
      }),
    );

  command
    .command('remove <name> <endpoints...>')
    .description('remove endpoints: each its URL or its name; removing the last one removes the topic')
    .action(
      act(async ({ client, output }, name: string, texts: string[]) => {
        const endpoints = texts.map((text) => (isUrl(text) ? { url: text } : { name: text }));
        await client.urlGroups.removeEndpoints({ name, endpoints });
        output.done(`Removed ${formatCount(texts.length, 'endpoint')} from topic ${name}.`);
      }),
    );

  command
    .command('delete <name>')
    .description('remove a topic; messages that were published to it are kept')
    .action(
      act(async ({ client, output }, name: string) => {
        await client.urlGroups.delete(name);
        output.done(`Removed topic ${name}.`);
      }),
    );
}

const columns: Column<UrlGroup>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'UPDATED', cell: ({ updatedAt }) => formatDistance(updatedAt) },
  { title: 'ENDPOINTS', cell: ({ endpoints }) => endpoints.map(({ url }) => url).join(' '), isBelow: true },
];

function parseEndpoint(text: string): { url: string; name?: string } {
  const [, name, url] = /^([\w.-]+)=(.+)$/s.exec(text) ?? [];
  return name && url ? { name, url } : { url: text };
}

function isUrl(text: string): boolean {
  return text.includes('://');
}
