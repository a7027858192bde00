import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  eventually,
  findFreePort,
  startApi,
  startDispatcher,
  startReceiver,
  startRedis,
  testToken,
  type TestApi,
  readRssMb,
  type TestDispatcher,
} from '@posthorn/testkit';
import { Client } from '@upstash/workflow';
import { createExecutions } from './executions.ts';
import { findLeftovers } from './leftovers.ts';
import { expectResult, nameEvent, type Operation } from './program.ts';

/** Longer from attempt to attempt: what was killed works again before the last one. */
const retryDelay = '200 * (1 + retried)';

/** All processes that runs need, each of which can be killed and started again in its place. */
export interface WorkflowStage {
  kills: Record<'api' | 'dispatcher' | 'redis' | 'endpoint', () => Promise<void>>;
  /** Begins a run of this program under this id, once, whatever is killed meanwhile. */
  begin(n: number, program: Operation[]): Promise<void>;
  /** Tells every event that a run waits for, or will wait for. */
  notifyAll(): Promise<void>;
  /** Runs that have not ended. */
  countActive(): Promise<number>;
  /** Memory of each process, in MB. */
  readMemory(): Record<'api' | 'dispatcher' | 'redis', number>;
  /** What does not hold when all runs have ended. */
  account(timeoutMs: number): Promise<{ faults: string[]; steps: number; repeated: number; most: number }>;
  end(): Promise<void>;
}

/** @param endpointProgram the built `endpoint.js` */
export async function setWorkflowStage(
  endpointProgram: string,
  { dispatchers: count = 1 }: { dispatchers?: number } = {},
): Promise<WorkflowStage> {
  const [redis, receiver] = await Promise.all([startRedis(), startReceiver()]);
  const [apiPort, endpointPort] = [String(await findFreePort()), await findFreePort()];
  const executions = createExecutions();
  const runs: { id: string; program: Operation[]; events: Set<string> }[] = [];
  let api: TestApi;
  const dispatchers: TestDispatcher[] = [];
  let endpoint: ChildProcess;

  const startOwnApi = async () => {
    api = await startApi(redis.url, { PORT: apiPort });
  };
  const startOwnDispatcher = async () => {
    dispatchers.push(await startDispatcher(redis.url, { STALLED_AFTER_SECONDS: '3' }));
  };
  const startEndpoint = async () => {
    const args = [endpointProgram, String(endpointPort), `http://127.0.0.1:${apiPort}`, testToken, receiver.url];
    endpoint = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] },
    });
    let text = '';
    let isReady = false;
    endpoint.stdout?.on('data', (data: Buffer) => {
      const lines = (text + data.toString()).split('\n');
      text = lines.pop() ?? '';
      isReady ||= lines.includes('ready');
      for (const line of lines) if (line !== 'ready') executions.add(line);
    });
    await eventually(() => isReady);
  };
  await startOwnApi();
  for (let n = 0; n < count; n++) await startOwnDispatcher();
  await startEndpoint();
  const url = `http://127.0.0.1:${endpointPort}/program`;
  const client = new Client({ baseUrl: `http://127.0.0.1:${apiPort}`, token: testToken });

  const during = (kill: () => Promise<void>) => async () => {
    const endOutage = executions.beginOutage();
    await kill();
    endOutage();
  };

  return {
    kills: {
      api: during(async () => {
        await api.end('SIGKILL');
        await startOwnApi();
      }),
      dispatcher: during(async () => {
        await dispatchers.shift()?.end('SIGKILL');
        await startOwnDispatcher();
      }),
      redis: during(async () => {
        await redis.kill();
        await redis.start();
      }),
      endpoint: during(async () => {
        const exited = once(endpoint, 'exit');
        endpoint.kill('SIGKILL');
        await exited;
        await startEndpoint();
      }),
    },

    async begin(n, program) {
      // An id of its own: a trigger whose answer is lost is repeated, and begins one run.
      const options = { url, body: program, workflowRunId: `run-${n}`, retries: 20, retryDelay };
      const id = await eventually(
        () =>
          client.trigger(options).then(
            ({ workflowRunId }) => workflowRunId,
            () => undefined,
          ),
        60_000,
      );
      const events = program.flatMap(({ kind }, index) => (kind === 'event' ? [nameEvent(id, index)] : []));
      runs.push({ id, program, events: new Set(events) });
    },

    async notifyAll() {
      const told = runs.flatMap(({ id, events }) =>
        [...events].map((eventId) => async () => {
          await client.notify({ eventId, eventData: `data of ${eventId}`, workflowRunId: id });
          events.delete(eventId);
        }),
      );
      const tell = async () => {
        for (let next = told.pop(); next; next = told.pop()) await next().catch(() => undefined);
      };
      await Promise.all(Array.from({ length: 10 }, tell));
      if (runs.some(({ events }) => events.size > 0)) throw new Error('some events were not told');
    },

    async countActive() {
      const keys = await redis.client.keys('*:run:active');
      const counts = await Promise.all(keys.map((key) => redis.client.zcard(key)));
      return counts.reduce((sum, one) => sum + one, 0);
    },

    readMemory: () => ({
      api: readRssMb(api.pid),
      dispatcher: Math.max(...dispatchers.map(({ pid }) => readRssMb(pid))),
      redis: readRssMb(redis.pid()),
    }),

    async account(timeoutMs) {
      const faults: string[] = [];
      const deadline = Date.now() + timeoutMs;
      for (const { id, program } of runs) {
        const run = await eventually(
          async () => {
            const [found] = (await client.logs({ filter: { workflowRunId: id } })).runs;
            return found && found.workflowState !== 'RUN_STARTED' ? found : undefined;
          },
          Math.max(1000, deadline - Date.now()),
        ).catch(() => undefined);
        const expected = JSON.stringify(expectResult(id, program));
        if (run?.workflowState !== 'RUN_SUCCESS') faults.push(`${id} ended as ${run?.workflowState ?? 'nothing'}`);
        else if (run.workflowRunResponse !== expected) {
          faults.push(`${id} returned ${run.workflowRunResponse ?? ''}, not ${expected}`);
        }
      }
      const { unexplained, ...executed } = executions.summarize();
      faults.push(...unexplained.map((line) => `carried out again without a reason: ${line}`));
      // The last attempts end after their runs.
      const left = await eventually(async () => {
        const found = await findLeftovers(redis.client);
        if (found.length > 0) throw new Error(found.join('\n'));
        return found;
      }, 60_000).catch((error: unknown) => String(error).split('\n'));
      return { faults: [...faults, ...left], ...executed };
    },

    async end() {
      endpoint.kill('SIGKILL');
      await Promise.all([api, ...dispatchers].map((one) => one.end('SIGKILL')));
      await receiver.stop();
      await redis.stop();
    },
  };
}
