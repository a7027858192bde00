// A workflow: each step is carried out once, whatever happens to this process. Start posthorn with `npm start`, set
// QSTASH_URL and QSTASH_TOKEN to what it prints, and the signing keys to those of `posthorn keys get --show`.
import { once } from 'node:events';
import { Client } from '@posthorn/sdk';
import { serve } from '@upstash/workflow/express';
import express from 'express';

const app = express();
app.use(express.json());
app.post(
  '/welcome',
  serve(async (context) => {
    const { name } = context.requestPayload;
    const account = await context.run('create the account', () => `account of ${name}`);
    await context.sleep('wait a little', 1);
    // The confirmation of the address is an event. The workflow waits for a week; this process need not run meanwhile.
    const { timeout } = await context.waitForEvent('wait for the confirmation', `confirmed-${name}`, { timeout: '7d' });
    return context.run('greet', () => (timeout ? `Goodbye, ${name}.` : `Welcome, ${name}! Your ${account} is ready.`));
  }),
);
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');

const client = new Client();
const url = `http://127.0.0.1:${server.address().port}/welcome`;
const { workflowRunId } = await client.workflow.trigger({ url, body: JSON.stringify({ name: 'Ada' }) });
console.log(`began ${workflowRunId}`);
// The run keeps the event if the workflow does not wait for it yet.
await client.workflow.notify({ eventId: 'confirmed-Ada', workflowRunId });

for (;;) {
  const run = await client.workflow.get(workflowRunId);
  if (run && run.workflowState !== 'RUN_STARTED') {
    console.log(run.workflowState, run.workflowRunResponse);
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}
server.close();
server.closeAllConnections();
