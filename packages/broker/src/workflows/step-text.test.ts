import { parseStepHead, stepKey } from './step-text.ts';

const step = (more: object) =>
  Buffer.from(JSON.stringify({ stepId: 3, stepName: 'a "b" ü', stepType: 'Run', ...more }));

test('the head of a step, however long its result is', () => {
  const short = parseStepHead(step({ out: '"x"', concurrent: 2 }));
  expect(short).toEqual({ stepId: 3, stepName: 'a "b" ü', stepType: 'Run', concurrent: 2 });
  // Python writes blanks.
  const spaced = step({ out: 'x'.repeat(300_000), concurrent: 2 })
    .toString()
    .replaceAll(/([:,])/g, '$1 ');
  expect(parseStepHead(Buffer.from(spaced.replace('}', '}\n')))).toEqual(short);
  expect(parseStepHead(step({ out: `"concurrent":7${'x'.repeat(300_000)}`, concurrent: 2 }))).toEqual(short);
});

test.each([
  ['no JSON', 'x'],
  ['no object', '1'],
  ['a list', '[]'],
  ['no type', '{"stepId":1,"concurrent":1}'],
  ['a negative number', '{"stepId":-1,"stepType":"Run","concurrent":1}'],
  ['a text for a number', '{"stepId":"1","stepType":"Run","concurrent":1}'],
  ['a long text', 'x'.repeat(300_000)],
  [
    'a long step with a name that is no JSON',
    `{"stepId":1,"stepName":"\\q","stepType":"Run","out":"${'x'.repeat(300_000)}"}`,
  ],
  ['a long list', `[${'1,'.repeat(200_000)}1]`],
])('%s is no step', (_, text) => {
  expect(parseStepHead(Buffer.from(text))).toBeUndefined();
});

test('a plan and a result of one step are two things; what is no step is known by what it is', () => {
  const key = (text: string) => stepKey(parseStepHead(Buffer.from(text)), Buffer.from(text), 'https://a.example');
  expect(key('{"stepId":0,"targetStep":4,"stepType":"Run","concurrent":2}')).toBe('plan:4');
  expect(key('{"stepId":4,"stepType":"Run","concurrent":2}')).toBe('result:4');
  expect(key('x')).toBe(key('x'));
  expect(key('x')).not.toBe(key('y'));
});
