import { restoreMessage } from '@posthorn/broker/parts';
import type { Message } from '@posthorn/shared';
import type { TestRedis } from '@posthorn/testkit';

/** What the processes have by default (`SHARDS`). */
const shards = 8;

/** Messages that have not ended, as the engine stores them. */
export async function countMessages(client: TestRedis['client']): Promise<number> {
  const counts = await Promise.all(
    Array.from({ length: shards }, async (_, shard) => {
      const key = (name: string) => `{d${shard}}:deliver:${name}`;
      const [waiting, active, delayed] = await Promise.all([
        client.llen(key('wait')),
        client.llen(key('active')),
        client.zcard(key('delayed')),
      ]);
      return waiting + active + delayed;
    }),
  );
  return counts.reduce((total, count) => total + count, 0);
}

/** Some of what has not ended though it should have: where it is, when it is due, and what it waits for. */
export async function describeMessages(client: TestRedis['client']): Promise<string[]> {
  const found: string[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const key = (name: string) => `{d${shard}}:deliver:${name}`;
    const describe = async (id: string, where: string) => {
      const data = JSON.parse((await client.hget(key(id), 'data')) ?? '{}') as unknown;
      const { url, queueName, flowControl } = restoreMessage(data) as Partial<Message>;
      found.push(`${id} ${where} ${url ?? '?'} ${queueName ?? flowControl?.key ?? ''}`);
    };
    for (const where of ['wait', 'active'] as const) {
      for (const id of await client.lrange(key(where), 0, 1)) await describe(id, where);
    }
    const [id, score] = await client.zrange(key('delayed'), 0, '0', 'WITHSCORES');
    // BullMQ keeps the time in all but the last twelve bits.
    if (id) await describe(id, `due in ${Math.round(Number(score) / 4096 - Date.now())} ms`);
  }
  return found;
}
