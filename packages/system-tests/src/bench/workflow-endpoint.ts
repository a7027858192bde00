// The endpoint of the bench of workflows: answers each delivery of a step with the next step, as the SDK does, and ends the
// run after so many. Arguments: its port, the URL of the API, the number of steps.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { Agent } from 'undici';

const [port = '0', api = '', steps = '10'] = process.argv.slice(2);
const agent = new Agent({ connections: 100 });
const authorization = { Authorization: 'Bearer bench', 'Content-Type': 'application/json' };
const value = 'x'.repeat(400);
let ended = 0;

async function call(method: 'POST' | 'DELETE', path: string, body: string): Promise<void> {
  const { statusCode, body: reply } = await agent.request({ origin: api, path, method, headers: authorization, body });
  await reply.dump();
  if (statusCode >= 300) throw new Error(`${method} ${path} answered ${statusCode}`);
}

async function goOn(headers: IncomingHttpHeaders, count: number): Promise<void> {
  const runId = String(headers['upstash-workflow-runid']);
  if (count > Number(steps)) {
    await call('DELETE', `/v2/workflows/runs/${runId}?cancel=false`, '"done"');
    ended++;
    return;
  }
  const item = {
    destination: String(headers['upstash-workflow-url']),
    headers: {
      'upstash-workflow-runid': runId,
      'upstash-workflow-init': 'false',
      'upstash-workflow-url': headers['upstash-workflow-url'],
      'upstash-workflow-sdk-version': '1',
      'upstash-forward-upstash-workflow-sdk-version': '1',
      'upstash-feature-set': 'LazyFetch,InitialBody,WF_DetectTrigger,WF_TriggerOnConfig',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ stepId: count, stepName: `step ${count}`, stepType: 'Run', out: value, concurrent: 1 }),
  };
  await call('POST', '/v2/batch', JSON.stringify([item]));
}

createServer((request, response) => {
  if (request.url === '/count') {
    response.end(JSON.stringify({ count: ended }));
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const log = JSON.parse(Buffer.concat(chunks).toString()) as unknown[];
    response.setHeader('Upstash-Workflow-Sdk-Version', '1');
    void goOn(request.headers, log.length).then(() => response.end());
  });
}).listen(Number(port), '127.0.0.1');
