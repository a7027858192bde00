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
  type TestDispatcher,
} from '@posthorn/testkit';
import { Client } from '@upstash/workflow';
import { expectResult, nameEvent, type Operation } from './program.ts';

/** All processes that runs need, each of which can be killed and started again in its place. */
export interface WorkflowStage {
  kills: Record<'api' | 'dispatcher' | 'redis' | 'endpoint', () => Promise<void>>;
  /** Begins a run of this program under this id, once, whatever is killed meanwhile. */
  begin(n: number, program: Operation[]): Promise<void>;
  /** Tells every event that a run waits for, or will wait for. */
  notifyAll(): Promise<void>;
  /** What does not hold when all runs have ended. */
  account(timeoutMs: number): Promise<{ faults: string[]; steps: number; repeated: number; most: number }>;
  end(): Promise<void>;
}

/** @param endpointProgram the built `endpoint.js` */
export async function setWorkflowStage(endpointProgram: string): Promise<WorkflowStage> {
  const [redis, receiver] = await Promise.all([startRedis(), startReceiver()]);
  const [apiPort, endpointPort] = [String(await findFreePort()), await findFreePort()];
  const carriedOut: string[] = [];
  const runs: { id: string; program: Operation[]; events: Set<string> }[] = [];
  let api: TestApi;
  let dispatcher: TestDispatcher;
  let endpoint: ChildProcess;

  const startOwnApi = async () => {
    api = await startApi(redis.url, { PORT: apiPort });
  };
  const startOwnDispatcher = async () => {
    dispatcher = await startDispatcher(redis.url, { STALLED_AFTER_SECONDS: '3' });
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
      carriedOut.push(...lines.filter((line) => line !== 'ready'));
    });
    await eventually(() => isReady);
  };
  await startOwnApi();
  await startOwnDispatcher();
  await startEndpoint();
  const url = `http://127.0.0.1:${endpointPort}/program`;
  const client = new Client({ baseUrl: `http://127.0.0.1:${apiPort}`, token: testToken });

  return {
    kills: {
      async api() {
        await api.end('SIGKILL');
        await startOwnApi();
      },
      async dispatcher() {
        await dispatcher.end('SIGKILL');
        await startOwnDispatcher();
      },
      async redis() {
        await redis.kill();
        await redis.start();
      },
      async endpoint() {
        const exited = once(endpoint, 'exit');
        endpoint.kill('SIGKILL');
        await exited;
        await startEndpoint();
      },
    },

    async begin(n, program) {
      // An id of its own: a trigger whose answer is lost is repeated, and begins one run.
      const options = { url, body: program, workflowRunId: `run-${n}`, retries: 20, retryDelay: '200' };
      const id = await eventually(
        () =>
          client.trigger(options).then(
            ({ workflowRunId }) => workflowRunId,
            () => undefined,
          ),
        60_000,
      );
      const events = program.flatMap(({ kind }, place) => (kind === 'event' ? [nameEvent(id, place)] : []));
      runs.push({ id, program, events: new Set(events) });
    },

    async notifyAll() {
      for (const { id, events } of runs) {
        for (const eventId of events) {
          const told = client.notify({ eventId, eventData: `data of ${eventId}`, workflowRunId: id });
          if (
            await told.then(
              () => true,
              () => false,
            )
          )
            events.delete(eventId);
        }
      }
      if (runs.some(({ events }) => events.size > 0)) throw new Error('some events were not told');
    },

    async account(timeoutMs) {
      const faults: string[] = [];
      const deadline = Date.now() + timeoutMs;
      for (const { id, program } of runs) {
        const run = await eventually(
          async () => {
            const [found] = (await client.logs({ workflowRunId: id })).runs;
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
      const times = new Map<string, number>();
      for (const line of carriedOut) times.set(line, (times.get(line) ?? 0) + 1);
      const left = () => redis.client.keys('*:deliver:msg_*');
      await eventually(async () => (await left()).length === 0, 30_000).catch(() => undefined);
      const kept = await redis.client.keys('*:run:*');
      const wrong = kept.filter((key) => /:run:(steps|waiters|notes|unreported|active)/.test(key));
      for (const key of [...(await left()), ...wrong]) faults.push(`left in Redis: ${key}`);
      return {
        faults,
        steps: times.size,
        repeated: [...times.values()].filter((count) => count > 1).length,
        most: Math.max(0, ...times.values()),
      };
    },

    async end() {
      endpoint.kill('SIGKILL');
      await Promise.all([api.end('SIGKILL'), dispatcher.end('SIGKILL'), receiver.stop()]);
      await redis.stop();
    },
  };
}
