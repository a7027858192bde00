import { eventually, startRedis, startSentinels, type TestRedis, type TestSentinels } from '@posthorn/testkit';
import type { Chaos, Fault } from '../fault.ts';
import { defaultConcurrency, type Stage } from '../stage.ts';

/** Redis says that it is a replica now, and is none some seconds later. */
export const readOnlyRedis: Fault = {
  name: 'read-only-redis',
  rows: ['F10'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2 });
    const load = await stage.load(150);
    await chaos.pause(2000, 3000);
    // Nobody answers there, so it keeps its data.
    await stage.redis.client.replicaof('127.0.0.1', 1);
    await chaos.pause(3000, 4000);
    const mendedAt = Date.now();
    await stage.redis.client.replicaof('NO', 'ONE');
    await chaos.pause(4000, 5000);
    await load.stop();
    const account = await chaos.settle(stage, { duplicates: 2 * defaultConcurrency, mayExceed: true });
    chaos.figure('recoveryMs', chaos.firstAfter(account, mendedAt));
    chaos.within('the first delivery afterwards', chaos.firstAfter(account, mendedAt), 5000, stage);
    chaos.claim('refusals are 503', account.refused === 0 && account.statuses['500'] === undefined);
  },
};

/** The primary dies, and its replica is what everybody connects to from now on. */
export const failover: Fault = {
  name: 'failover',
  rows: ['F10'],
  async run(chaos) {
    const stage = await chaos.stage({ dispatchers: 2, proxied: true });
    const replica = await startReplica(stage.redis);
    try {
      await failOver(chaos, stage, replica, async () => {
        await replica.client.replicaof('NO', 'ONE');
        stage.proxy?.retarget(replica.port);
        stage.proxy?.cut();
      });
    } finally {
      await replica.stop();
    }
  },
};

/** The same without an operator: sentinels see it and make the replica the primary. */
export const sentinelFailover: Fault = {
  name: 'sentinel-failover',
  rows: ['F10'],
  async run(chaos) {
    let replica: TestRedis | undefined;
    let sentinels: TestSentinels | undefined;
    try {
      const stage = await chaos.stage({
        dispatchers: 2,
        async findRedis(primary) {
          replica = await startReplica(primary);
          sentinels = await startSentinels(primary.port);
          return sentinels.url;
        },
      });
      if (!replica) throw new Error('There is no replica.');
      const { client } = replica;
      await failOver(chaos, stage, replica, () =>
        eventually(async () => (await client.info('replication')).includes('role:master'), 20_000),
      );
    } finally {
      await sentinels?.stop();
      await replica?.stop();
    }
  },
};

async function startReplica(primary: TestRedis): Promise<TestRedis> {
  const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
  await eventually(async () => (await replica.client.info('replication')).includes('master_link_status:up'), 20_000);
  return replica;
}

/** Kills the primary under load; `promote` makes the replica the one that everybody finds. */
async function failOver(chaos: Chaos, stage: Stage, replica: TestRedis, promote: () => Promise<unknown>) {
  const primary = stage.redis;
  const load = await stage.load(150);
  await chaos.pause(3000, 4000);
  const failedAt = Date.now();
  await primary.kill();
  await promote();
  const promotedAt = Date.now();
  try {
    stage.redis = replica;
    await chaos.pause(5000, 6000);
    await load.stop();
    const account = await stage.drain(40_000);
    // What the replica had not heard of when it became the primary is lost: this much is not promised.
    const late = account.open.filter((id) => (account.known.get(id)?.answeredAt ?? 0) < failedAt - 1000);
    chaos.figure('messages', account.messages);
    chaos.figure('lostByReplication', account.open.length);
    chaos.figure('duplicates', account.duplicates);
    chaos.claim(`lost though acknowledged a second before: ${late.length}`, late.length === 0);
    const left = stage.left() === 0 ? [] : await stage.describeLeft();
    chaos.claim(`left in Redis: ${stage.left()} messages: ${left.join('; ')}`, stage.left() === 0);
    chaos.figure('promotedMs', promotedAt - failedAt);
    chaos.figure('recoveryMs', chaos.firstAfter(account, promotedAt));
    chaos.within('the first delivery after the failover', chaos.firstAfter(account, promotedAt), 5000, stage);
    chaos.claim(`duplicates: ${account.duplicates}`, account.duplicates <= 2 * defaultConcurrency);
  } finally {
    stage.redis = primary;
  }
}
