// Branches whose results reach the server at the same moment, many times.
import { eventually } from '@posthorn/testkit';
import { useWorkflowSystem } from './workflow-system.fixture.ts';

const runs = 100;
const pairsPerRun = 5;
/** Runs that are active at once. Their branches need a small part of the default concurrency of a dispatcher. */
const perWave = 25;

const workflows = useWorkflowSystem();

/** Lets callers go on in pairs of the same name: the first waits for the second. */
function createMeeting(): (name: string) => Promise<void> {
  const waiting = new Map<string, () => void>();
  return (name) => {
    const go = waiting.get(name);
    waiting.delete(name);
    go?.();
    return go ? Promise.resolve() : new Promise((resolve) => void waiting.set(name, resolve));
  };
}

test(`two branches that end at the same moment never hang, ${runs * pairsPerRun} times`, async () => {
  const meet = createMeeting();
  const finished = new Set<string>();
  const times = new Map<string, number>();
  const url = workflows.define<number>('/same-moment', async (context) => {
    const { workflowRunId } = context;
    const step = (name: string, work?: () => Promise<void>) =>
      context.run(name, async () => {
        const key = `${workflowRunId} ${name}`;
        times.set(key, (times.get(key) ?? 0) + 1);
        await work?.();
        return name;
      });
    const results: string[] = [];
    for (let pair = 0; pair < pairsPerRun; pair++) {
      const together = () => meet(`${workflowRunId} ${pair}`);
      results.push(...(await Promise.all([step(`a${pair}`, together), step(`b${pair}`, together)])));
    }
    results.push(await step('after'));
    finished.add(workflowRunId);
    return results;
  });

  const results: (string | undefined)[] = [];
  for (let begun = 0; begun < runs; begun += perWave) {
    const wave = await workflows.client.trigger(Array.from({ length: perWave }, () => ({ url, retries: 0 })));
    await eventually(() => wave.every(({ workflowRunId }) => finished.has(workflowRunId)));
    const ended = await Promise.all(wave.map(({ workflowRunId }) => workflows.ended(workflowRunId)));
    results.push(...ended.map(({ workflowRunResponse }) => workflowRunResponse));
  }
  const names = [...Array.from({ length: pairsPerRun }, (_, pair) => [`a${pair}`, `b${pair}`]).flat(), 'after'];
  expect(results).toEqual(Array.from({ length: runs }, () => JSON.stringify(names)));
  expect(times.size).toBe(runs * names.length);
  expect([...times].filter(([, count]) => count !== 1)).toEqual([]);
}, 240_000);
