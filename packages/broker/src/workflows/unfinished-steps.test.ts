import type { StepHead } from './step-text.ts';
import { findUnfinished, type KnownElement } from './unfinished-steps.ts';

/** An element by its name: `init`, `result 1`, `plan 1`, `call 1` or `answer 1`. */
function element(name: string, index: number): KnownElement {
  const [kind = '', number] = name.split(' ');
  const step = Number(number ?? 0);
  const head: StepHead = { stepId: step, stepName: '', stepType: 'Run', concurrent: 1 };
  const entry: KnownElement['entry'] = { messageId: name, callType: 'step' };
  if (kind === 'result') return { index, entry, head };
  if (kind === 'plan') return { index, entry, head: { ...head, stepId: 0, targetStep: step } };
  if (kind === 'init') return { index, entry, head: undefined };
  return {
    index,
    entry: { ...entry, callType: kind === 'call' ? 'toCallback' : 'fromCallback', stepId: step },
    head: undefined,
  };
}

const find = (failedId: string, ...names: string[]) => {
  const { again, steps } = findUnfinished(names.map(element), failedId);
  return { again: again.map(({ entry }) => entry.messageId), steps: steps.filter((_, index) => index % 2 === 0) };
};

test.each<[string, string[], string, string[]]>([
  ['nothing is done', ['init'], 'init', ['init']],
  ['the last step failed', ['init', 'result 1'], 'result 1', ['result 1']],
  ['the step that failed had led to its next one', ['init', 'result 1'], 'init', ['result 1']],
  ['a plan has no result', ['init', 'plan 1', 'plan 2', 'result 1'], 'plan 2', ['plan 2']],
  ['several plans have none', ['init', 'plan 1', 'plan 2', 'plan 3', 'result 2'], 'plan 1', ['plan 1', 'plan 3']],
  [
    'the results were not shown together',
    ['init', 'plan 1', 'plan 2', 'result 2', 'result 1'],
    'result 2',
    ['result 1'],
  ],
  ['a call has no response', ['init', 'result 1', 'call 2'], 'result 1', ['result 1']],
  ['the response of a call was not taken', ['init', 'call 1', 'answer 1'], 'answer 1', ['answer 1']],
  ['it was not taken, but another message failed', ['init', 'call 1', 'answer 1'], 'init', ['answer 1']],
  ['a repeated call', ['init', 'call 1', 'answer 1', 'call 1', 'answer 1', 'result 1'], 'answer 1', ['result 1']],
  [
    'calls side by side',
    ['init', 'plan 1', 'plan 2', 'call 1', 'call 2', 'answer 2'],
    'plan 1',
    ['plan 1', 'answer 2'],
  ],
  ['the message that failed is not in the log', ['init', 'result 1', 'call 2'], 'msg', ['result 1']],
])('where a run goes on: %s', (_, names, failed, again) => {
  expect(find(failed, ...names).again).toEqual(again);
});

test('a message that says nothing about its step is delivered again when it has failed', () => {
  const unknown = { entry: { messageId: 'unknown', callType: 'step' }, index: 1, head: undefined } as const;
  const known = [element('init', 0), unknown, element('result 2', 2)];
  expect(findUnfinished(known, 'unknown').again).toEqual([unknown]);
  expect(findUnfinished(known, 'result 2').again).toEqual([known[2]]);
});

test('what is done is not accepted again; a call without a response is', () => {
  const names = ['init', 'plan 1', 'plan 2', 'plan 3', 'call 1', 'answer 1', 'call 2', 'result 3'];
  expect(find('plan 2', ...names).steps).toEqual(['plan:1', 'plan:2', 'plan:3', 'call:1', 'result:3']);
});
