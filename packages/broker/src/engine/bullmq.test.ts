// The parts of BullMQ that posthorn relies on beyond its documented interface, as they were when this was written for the
// pinned version. When one changes, compare its old and new text, adapt what the message names, and then enter the new
// hash here. How BullMQ lays out its data is checked by bullmq.int.test.ts.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';

const load = createRequire(__filename);
const { version } = load('bullmq/package.json') as { version: string };

interface Part {
  hash: string;
  lookAt: string;
}

/** Lua texts, by the names of their files in `bullmq/dist/cjs/scripts`. */
const scripts: Record<string, Part> = {
  'addStandardJob-9': {
    hash: '2eee45c9ffc54d24',
    lookAt:
      'scripts/add-job.lua, which embeds it, its order of keys in shards/shard.ts and scripts/add-messages.lua, scripts/skip-unused.ts, and its counter of added jobs, which scripts/pending-head.lua compares',
  },
  'addDelayedJob-6': {
    hash: 'e47c0db3c46bd84a',
    lookAt:
      'scripts/add-job.lua, which embeds it with the keys in another order, scripts/skip-unused.ts, and its counter of added jobs, which scripts/pending-head.lua compares',
  },
  'promote-9': {
    hash: '06c562bf39eaaa21',
    lookAt: 'scripts/wake-messages.lua, which embeds it, and its order of keys in shards/shard.ts',
  },
  'extendLock-2': {
    hash: 'aa54e3c99ff236ed',
    lookAt: 'the name of the lock in shards/shard.ts (standing) and shards/pending.ts',
  },
  'extendLocks-1': {
    hash: '14bb41f30eff2e7f',
    lookAt: 'the name of the lock in shards/shard.ts (standing) and shards/pending.ts',
  },
  'moveJobFromActiveToWait-9': {
    hash: 'ac9546cdd23294a2',
    lookAt: 'withoutEvents in scripts/scripts.ts, and deferred messages in shards/worker.ts',
  },
  'moveStalledJobsToWait-9': {
    hash: 'dad86d89b50d825f',
    lookAt: 'withoutEvents in scripts/scripts.ts, scripts/skip-unused.ts, and stalled messages in shards/worker.ts',
  },
  'moveToActive-11': {
    hash: '7d35069db0b831af',
    lookAt: 'withoutEvents in scripts/scripts.ts, scripts/skip-unused.ts, and the lock in shards/pending.ts',
  },
  'moveToDelayed-11': {
    hash: '1a7b9311ef92fd66',
    lookAt:
      'withoutEvents in scripts/scripts.ts, scripts/skip-unused.ts, and the score of a delayed job in scripts/extend-sleep.lua',
  },
  'moveToFinished-14': {
    hash: '8e744ec5d65dbe9e',
    lookAt:
      'scripts/complete-jobs.lua, which embeds it, withoutEvents in scripts/scripts.ts, scripts/skip-unused.ts, and cancel-messages.lua, which replaces the data of a job that has not ended',
  },
};

/** Methods of BullMQ's worker that shards/queue-worker.ts overrides, and those that call them. */
const methods: Record<string, Part> = {
  processJob: {
    hash: '07268ae7f3ef3f39',
    lookAt: 'processJob in shards/queue-worker.ts, which frees the slot of a job before it has ended',
  },
  mainLoop: {
    hash: 'd59e6730522c551b',
    lookAt: 'processJob in shards/queue-worker.ts: the loop must count a job as long as its promise is pending',
  },
  createJob: {
    hash: 'f147c2a66bca5fdd',
    lookAt: 'createJob in shards/queue-worker.ts, which takes data that is not JSON and sets the time of the hand-over',
  },
  nextJobFromJobData: {
    hash: 'c01c17079e961024',
    lookAt: 'createJob in shards/queue-worker.ts, which it must call for every job',
  },
  handleCompleted: {
    hash: '40a322800ca24578',
    lookAt: 'fetchNext of processJob in shards/queue-worker.ts, which it must call before it asks Redis',
  },
  handleFailed: {
    hash: '1ef739812d0202ec',
    lookAt:
      'fetchNext of processJob in shards/queue-worker.ts, and the errors that shards/worker.ts throws to defer a job',
  },
};

const hashText = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

function readScript(name: string): string {
  const [script] = Object.values(load(`bullmq/dist/cjs/scripts/${name}.js`) as Record<string, { content: string }>);
  return script?.content ?? '';
}

function readMethod(name: string): string {
  const { Worker } = load('bullmq') as { Worker: { prototype: Record<string, unknown> } };
  return String(Worker.prototype[name]);
}

/** What differs from the table, each with what to look at. */
function findChanges(kind: string, parts: Record<string, Part>, readText: (name: string) => string): string[] {
  return Object.entries(parts).flatMap(([name, { hash, lookAt }]) => {
    const now = hashText(readText(name));
    return now === hash ? [] : [`BullMQ ${version} has changed the ${kind} ${name} (hash ${now}): look at ${lookAt}`];
  });
}

test('the scripts that are embedded or rewritten are those that posthorn was written for', () => {
  expect(findChanges('script', scripts, readScript)).toEqual([]);
});

test('the methods of the worker that are overridden, and their callers, are those that posthorn was written for', () => {
  expect(findChanges('method', methods, readMethod)).toEqual([]);
});

test('a changed part is named, with what to look at', () => {
  const parts = { 'promote-9': { hash: 'another', lookAt: 'here' } };
  expect(findChanges('script', parts, readScript)).toEqual([
    expect.stringMatching(/^BullMQ \d+\.\d+\.\d+ has changed the script promote-9 \(hash [\da-f]{16}\): look at here$/),
  ]);
});
