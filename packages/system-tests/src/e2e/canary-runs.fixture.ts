// Runs that hold a text wherever a run can hold one: payload, headers, label, step result, waiter, kept events, webhook
// calls, and all that is kept of a failure.
import { eventually, type TestSystem } from '@posthorn/testkit';

/** A token that names a user, as webhooks need it. */
export const hookToken = Buffer.from('{"UserID":"canary-hooks","Password":"0123456789abcdef"}').toString('base64');

/** @returns the id of an active run, and of the dead letter of one that has failed */
export async function startCanaryRuns(
  { api, receiver }: TestSystem,
  canary: string,
): Promise<{ workflowRunId: string; runDlqId: string }> {
  const workflowRunId = `wfr_${canary}`;
  const url = `${receiver.url}/${canary}/workflow`;
  const sdk = { 'Upstash-Workflow-Sdk-Version': '1', 'X-Canary': canary };
  receiver.reply(`/${canary}/workflow`, { status: 200, headers: sdk });
  receiver.reply(`/${canary}/workflow-fails`, { status: 500, headers: sdk, body: canary });
  const send = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const response = await api.call(path, { method: 'POST', body, headers });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  };
  const message = (destination: string, runId: string, isInit: boolean, body: string) => ({
    destination,
    headers: {
      'upstash-workflow-runid': runId,
      'upstash-workflow-init': String(isInit),
      'upstash-feature-set': 'InitialBody,WF_TriggerOnConfig',
      'upstash-forward-x-canary': canary,
      'upstash-label': canary,
      'upstash-retries': '0',
      'upstash-failure-callback': destination,
      'upstash-failure-callback-retries': '0',
    },
    body,
  });
  const step = (stepId: number, stepType: string) => ({ stepId, stepName: canary, stepType, concurrent: 1 });

  await send('/v2/batch', JSON.stringify([message(url, workflowRunId, true, canary)]));
  const result = JSON.stringify({ ...step(1, 'Run'), out: JSON.stringify(canary) });
  await send('/v2/batch', JSON.stringify([message(url, workflowRunId, false, result)]));
  const wait = { url, timeout: '1h', timeoutUrl: url, timeoutHeaders: {}, step: step(2, 'Wait') };
  const run = { 'Upstash-Workflow-RunId': workflowRunId, 'Upstash-Workflow-Init': 'false' };
  await send(`/v2/wait/${canary}`, JSON.stringify(wait), run);
  await send(`/v2/notify/${workflowRunId}/kept-${canary}`, canary);
  await send(`/v2/workflows/hooks/canary-hooks/${workflowRunId}/hook-${canary}`, canary, { 'X-Canary': canary });

  const fails = `${url}-fails`;
  await send('/v2/batch', JSON.stringify([message(fails, `wfr_fails-${canary}`, true, canary)]));
  const runDlqId = await eventually(async () => {
    const { messages } = (await (await api.call('/v2/workflows/dlq')).json()) as {
      messages: { dlqId: string; failureCallbackInfo?: { state: string } }[];
    };
    const [letter] = messages;
    // Nothing of it is delivered any more.
    return letter?.failureCallbackInfo?.state === 'CALLBACK_FAIL' ? letter.dlqId : undefined;
  });
  await eventually(() => receiver.at(`/${canary}/workflow`).length === 2);
  return { workflowRunId, runDlqId };
}
