import { writeEventView, type Broker } from '@posthorn/broker';
import { contract } from '@posthorn/shared';
import { route } from './route.ts';

export const eventRoutes = ({ events, shards }: Broker) => {
  const read = async (messageIds: readonly string[]) => {
    const histories = await Promise.all(
      [...new Set(messageIds)].map(async (id) => {
        const shard = shards.shardOf(id);
        return shard === undefined ? [] : events.read(shard, id);
      }),
    );
    // Newest first; lines of one message keep their order within a millisecond.
    return histories
      .flatMap((history) => history.reverse())
      .sort((a, b) => b.time - a.time)
      .map(writeEventView);
  };
  return [
    route(contract.events.events, async ({ query }) => ({ events: await read(query) })),
    route(contract.events.logs, async ({ query }) => {
      const lines = await read(query);
      return { logs: lines, events: lines };
    }),
  ];
};
