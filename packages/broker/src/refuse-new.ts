import type { BrokerParts } from './broker.ts';

/** Where clients make what stays in Redis until somebody removes it. */
type Doors = Pick<BrokerParts, 'schedules' | 'urlGroups' | 'queues' | 'flowControls'>;

/**
 * The same doors behind a question that everything new asks first. Queues and flow-control keys that exist can be changed,
 * and everything can be paused and removed: that makes room, or takes none.
 *
 * @param refuse throws when nothing new can be accepted
 */
export function refuseNewSettings({ schedules, urlGroups, queues, flowControls }: Doors, refuse: () => void): Doors {
  const refuseNewKey = async (key: string) => {
    if (!(await flowControls.get(key))) refuse();
  };
  return {
    schedules: {
      ...schedules,
      // One that replaces another may be larger.
      async create(request) {
        refuse();
        return schedules.create(request);
      },
    },
    urlGroups: {
      ...urlGroups,
      async addEndpoints(name, endpoints) {
        refuse();
        await urlGroups.addEndpoints(name, endpoints);
      },
      async setHeaders(name, headers) {
        if (Object.keys(headers).length > 0) refuse();
        await urlGroups.setHeaders(name, headers);
      },
    },
    queues: {
      ...queues,
      async upsert(name, change) {
        if (!(await queues.get(name))) refuse();
        await queues.upsert(name, change);
      },
    },
    flowControls: {
      ...flowControls,
      async setPaused(key, paused) {
        await refuseNewKey(key);
        await flowControls.setPaused(key, paused);
      },
      async pin(key, limits) {
        await refuseNewKey(key);
        await flowControls.pin(key, limits);
      },
      async unpin(key, parts) {
        await refuseNewKey(key);
        await flowControls.unpin(key, parts);
      },
      async resetRate(key) {
        await refuseNewKey(key);
        await flowControls.resetRate(key);
      },
    },
  };
}
