// An endpoint of workflows, as a process of its own, which tests kill. Arguments: its port, the URL of the API, the token,
// and the URL of a third party. It writes a line per step that it carries out: `<begin of the attempt> <run id> <step>`.
import { AsyncLocalStorage } from 'node:async_hooks';
import { Client } from '@upstash/qstash';
import { createWorkflow, serveMany } from '@upstash/workflow/express';
import express from 'express';
import { nameEvent, type Operation } from './program.ts';

const [port = '0', baseUrl = '', token = '', thirdParty = ''] = process.argv.slice(2);
const say = (line: string) => void process.stdout.write(`${line}\n`);
/** When the dispatcher began the attempt, in seconds: a request may wait here for a while. */
const attempts = new AsyncLocalStorage<number>();
const sayStep = (runId: string, name: string) => {
  say(`${attempts.getStore() ?? 0} ${runId} ${name}`);
};

const child = createWorkflow<number, number>(async (context) => {
  const doubled = await context.run('double', () => {
    sayStep(context.workflowRunId, 'double');
    return context.requestPayload * 2;
  });
  await context.sleep('pause', 1);
  return doubled;
});

/** Carries out what its payload says. */
const program = createWorkflow<Operation[], unknown[]>(async (context) => {
  const { workflowRunId, requestPayload } = context;
  const step = <T>(name: string, value: T) =>
    context.run(name, () => {
      sayStep(workflowRunId, name);
      return value;
    });
  const perform = async (operation: Operation, index: number): Promise<unknown> => {
    const name = `${operation.kind} ${index}`;
    switch (operation.kind) {
      case 'run':
        return step(name, operation.value);
      case 'sleep':
        await context.sleep(name, 1);
        return null;
      case 'call': {
        const settings = { url: `${thirdParty}/ask`, method: 'POST', retries: 10, retryDelay: '200' } as const;
        return (await context.call(name, { ...settings, body: `${workflowRunId} ${index}` })).status;
      }
      case 'event':
        return (await context.waitForEvent(name, nameEvent(workflowRunId, index), { timeout: 600 })).eventData;
      case 'parallel':
        return Promise.all(operation.values.map((value, branch) => step(`${name} ${branch}`, value)));
      case 'invoke': {
        const settings = { workflow: child, body: operation.value, retries: 20, retryDelay: '200' };
        return (await context.invoke(name, settings)).body;
      }
    }
  };
  const results: unknown[] = [];
  // Before its first step the SDK also runs this with what is no payload, to see whether the request is allowed.
  const operations = await context.run('program', () => requestPayload);
  for (const [index, operation] of operations.entries()) results.push(await perform(operation, index));
  return results;
});

const app = express();
app.use(express.json());
app.use((request, _, next) => {
  const [, claims = ''] = String(request.headers['upstash-signature']).split('.');
  const { iat } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as { iat: number };
  attempts.run(iat, next);
});
app.use('/', serveMany({ program, child }, { qstashClient: new Client({ baseUrl, token }) }));
app.listen(Number(port), '127.0.0.1', () => say('ready'));
