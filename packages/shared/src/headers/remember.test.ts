import { remember } from './remember.ts';

test('what was computed for a text is not computed again, nor is the absence of a result', () => {
  const computed: string[] = [];
  const find = remember((text) => {
    computed.push(text);
    return text === 'none' ? undefined : text.toUpperCase();
  });
  expect(['a', 'none', 'a', 'none', 'b'].map(find)).toEqual(['A', undefined, 'A', undefined, 'B']);
  expect(computed).toEqual(['a', 'none', 'b']);
});

test('neither long texts nor more than a thousand are kept', () => {
  let computed = 0;
  const count = remember(() => ++computed);
  const long = 'x'.repeat(513);
  expect([count(long), count(long)]).toEqual([1, 2]);
  for (let n = 0; n < 1001; n++) count(`${n}`);
  expect(count('0')).toBe(1004);
  expect(count('1000')).toBe(1003);
});

test('an error is thrown each time', () => {
  const fail = remember(() => {
    throw new Error('no');
  });
  expect(() => fail('a')).toThrow('no');
  expect(() => fail('a')).toThrow('no');
});
