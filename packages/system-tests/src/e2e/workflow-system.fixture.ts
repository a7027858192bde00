// Endpoints with the official workflow SDK, unchanged, in an Express application with signing on.
import { once } from 'node:events';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually, startSystem, testToken, type TestSystem } from '@posthorn/testkit';
import { Client as QStashClient, Receiver } from '@upstash/qstash';
import { Client, type RouteFunction, type WorkflowContext } from '@upstash/workflow';
import { serve as currentServe } from '@upstash/workflow/express';
import express, { type Express } from 'express';

/** A token that names a user, as webhooks of workflows need it. */
export const workflowToken = Buffer.from(
  JSON.stringify({ UserID: 'testUser', Password: 'test-password-0123' }),
).toString('base64');

/** A request that reached an endpoint, and what it answered. */
export interface Delivery {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  at: number;
  /** 0 until it has answered. */
  status: number;
}

type Workflow<P> = RouteFunction<P>;
type ServeOptions = NonNullable<Parameters<typeof currentServe>[1]>;

export interface WorkflowSystem {
  system: TestSystem;
  client: Client;
  qstash: QStashClient;
  /** `http://127.0.0.1:<port>` of the endpoints. */
  url: string;
  app: Express;
  deliveries: Delivery[];
  /** Deliveries to one endpoint. */
  at(path: string): Delivery[];
  /** Serves a workflow at a path; its URL. */
  define<P>(path: string, workflow: Workflow<P>, options?: Partial<ServeOptions>): string;
  /** The next deliveries to this path get this status in place of the workflow's, after the workflow has run. */
  spoil(path: string, ...statuses: number[]): void;
  /** The run as the log has it, when it has ended. */
  ended(workflowRunId: string, timeoutMs?: number): Promise<RunLog>;
  run(workflowRunId: string): Promise<RunLog>;
  /** What the workflow has returned, when the run has ended. */
  result(workflowRunId: string): Promise<unknown>;
  stop(): Promise<void>;
}

export type RunLog = Awaited<ReturnType<Client['logs']>>['runs'][number];
export type { WorkflowContext };

type Variables = Parameters<typeof startSystem>[0];

/** @param serve that of another version of the SDK */
export async function startWorkflowSystem(
  variables: Variables = {},
  serve: typeof currentServe = currentServe,
): Promise<WorkflowSystem> {
  const system = await startSystem({
    ...variables,
    api: { QSTASH_TOKEN: `${testToken},${workflowToken}`, ...variables.api },
  });
  const { current, next } = await system.api.read<{ current: string; next: string }>('/v2/keys');
  const options = { baseUrl: system.api.url, token: workflowToken };
  const qstash = new QStashClient(options);
  const client = new Client(options);
  const receiver = new Receiver({ currentSigningKey: current, nextSigningKey: next });

  const deliveries: Delivery[] = [];
  const spoilt = new Map<string, number[]>();
  const app = express();
  app.disable('x-powered-by');
  app.use(express.raw({ type: () => true, limit: '200mb' }), (request, response, next) => {
    const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    const text = bytes.toString('utf8');
    const delivery: Delivery = { path: request.path, headers: request.headers, body: text, at: Date.now(), status: 0 };
    deliveries.push(delivery);
    // As `express.json()` gives it; the SDK writes it as text again before it checks the signature.
    if ((request.headers['content-type'] ?? '').includes('json'))
      request.body = text === '' ? {} : (JSON.parse(text) as unknown);
    else request.body = text;
    const send = response.send.bind(response);
    response.send = (body: unknown) => {
      const status = spoilt.get(request.path)?.shift();
      if (status !== undefined) response.status(status);
      return send(body);
    };
    response.on('finish', () => (delivery.status = response.statusCode));
    next();
  });
  const server: Server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const run = async (workflowRunId: string) => {
    const { runs } = await client.logs({ filter: { workflowRunId } });
    const [found] = runs;
    if (!found) throw new Error(`there is no run ${workflowRunId}`);
    return found;
  };
  const ended = (workflowRunId: string, timeoutMs?: number) =>
    eventually(async () => {
      const found = await run(workflowRunId);
      return found.workflowState === 'RUN_STARTED' ? undefined : found;
    }, timeoutMs);
  return {
    system,
    client,
    qstash,
    url,
    app,
    deliveries,
    at: (path) => deliveries.filter((delivery) => delivery.path === path),
    define(path, workflow, more = {}) {
      const settings = { qstashClient: qstash, receiver, env: {}, ...(more as object) };
      const handler = serve(workflow as RouteFunction<unknown>, settings);
      app.post(path, handler);
      return url + path;
    },
    spoil: (path, ...statuses) => void spoilt.set(path, statuses),
    run,
    ended,
    result: async (workflowRunId) => JSON.parse((await ended(workflowRunId)).workflowRunResponse ?? 'null') as unknown,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await system.stop();
    },
  };
}

/** A system for all tests of a file, which is complete when the first of them begins. */
export function useWorkflowSystem(variables?: Variables): WorkflowSystem {
  const workflows = {} as WorkflowSystem;
  beforeAll(async () => {
    silenceSdk();
    Object.assign(workflows, await startWorkflowSystem(variables));
  });
  afterAll(() => workflows.stop());
  return workflows;
}

/** The SDK writes to the console what the tests cause on purpose. */
export function silenceSdk(): void {
  jest.spyOn(console, 'warn').mockImplementation();
  jest.spyOn(console, 'error').mockImplementation();
}
