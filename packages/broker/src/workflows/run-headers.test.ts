import { isRunRequest, parseRunHeaders } from './run-headers.ts';

test('a request belongs to a run when it names one and says whether it begins it', () => {
  expect(isRunRequest(['upstash-workflow-runid', 'a', 'Upstash-Workflow-Init', 'false'])).toBe(true);
  expect(isRunRequest(['Upstash-Workflow-RunId', 'a'])).toBe(false);
  expect(isRunRequest(['Upstash-Workflow-Init', 'true', 'x', 'upstash-workflow-runid'])).toBe(false);
});

test('of several values the first counts, also of values that a client has joined', () => {
  const headers = [
    'Upstash-Workflow-RunId',
    'wfr_a, wfr_a',
    'Upstash-Workflow-Runid',
    'wfr_b',
    'Upstash-Workflow-Init',
    'true',
  ];
  expect(parseRunHeaders([...headers, 'Upstash-Feature-Set', 'LazyFetch, WF_NoDelete'])).toMatchObject({
    runId: 'wfr_a',
    isInit: true,
    features: new Set(['LazyFetch', 'WF_NoDelete']),
  });
});

test.each(['', 'a/b', 'a?b', 'a#b', 'a%b', 'a\\b', 'a b', 'ä', 'a'.repeat(257)])('%j is no id of a run', (id) => {
  expect(() => parseRunHeaders(['Upstash-Workflow-RunId', id])).toThrow('Upstash-Workflow-RunId');
});
