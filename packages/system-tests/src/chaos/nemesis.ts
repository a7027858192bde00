import type { Random } from '../random.ts';
import type { Stage } from './stage.ts';

/** Something that goes wrong and is mended again; resolves when it is. */
type Blow = (stage: Stage, random: Random) => Promise<void>;

const blows: Record<string, Blow> = {
  async 'kill a dispatcher'(stage, random) {
    const index = random.between(0, stage.dispatchers.length - 1);
    await stage.dispatchers[index]?.end('SIGKILL');
    await stage.startDispatcher(index);
  },
  async 'kill an API'(stage, random) {
    const index = random.between(0, stage.apis.length - 1);
    await stage.apis[index]?.end('SIGKILL');
    await stage.startApi(index);
  },
  async 'restart a dispatcher'(stage, random) {
    const index = random.between(0, stage.dispatchers.length - 1);
    await stage.dispatchers[index]?.end('SIGTERM');
    await stage.startDispatcher(index);
  },
  async 'kill Redis'({ redis }, random) {
    await redis.kill();
    await sleep(random.between(200, 2000));
    await redis.start();
  },
  async 'freeze Redis'({ redis }, random) {
    redis.freeze();
    await sleep(random.between(500, 12_000));
    redis.thaw();
  },
  async 'freeze a dispatcher'({ dispatchers }, random) {
    const dispatcher = random.pick(dispatchers);
    dispatcher.kill('SIGSTOP');
    await sleep(random.between(500, 14_000));
    dispatcher.kill('SIGCONT');
  },
  async 'slow network'({ proxy }, random) {
    proxy?.delay(1, random.between(10, 100));
    await sleep(random.between(1000, 5000));
    proxy?.delay(0, 0);
  },
  async 'cut network'({ proxy }) {
    proxy?.cut();
  },
  async 'destinations away'(stage, random) {
    stage.setDestinationsDown(true);
    await sleep(random.between(100, 400));
    stage.setDestinationsDown(false);
  },
};

/** Strikes again and again, at times and targets that the seed decides, until it is over; gives the number of each blow. */
export async function strike(stage: Stage, random: Random, ms: number): Promise<Record<string, number>> {
  const struck: Record<string, number> = {};
  for (const endsAt = Date.now() + ms; Date.now() < endsAt;) {
    await sleep(random.between(1000, 5000));
    const name = random.pick(Object.keys(blows));
    struck[name] = (struck[name] ?? 0) + 1;
    await blows[name]?.(stage, random);
  }
  return struck;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
