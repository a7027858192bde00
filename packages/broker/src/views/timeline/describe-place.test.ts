import { ordinal } from './describe-place.ts';

test.each([
  [1, 'first'],
  [2, 'second'],
  [10, 'tenth'],
  [11, '11th'],
  [12, '12th'],
  [21, '21st'],
  [22, '22nd'],
  [103, '103rd'],
  [111, '111th'],
  [1000, '1000th'],
])('%d is the %s', (number, text) => expect(ordinal(number)).toBe(text));
