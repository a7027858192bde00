import { isTrustedOwner } from './owner.ts';

test.each([
  ['this user', 1000, 1000, true],
  ['root', 0, 1000, true],
  ['another user', 1001, 1000, false],
  ['another user, for root', 1001, 0, false],
])('what belongs to %s', (_, uid, user, expected) => {
  expect(isTrustedOwner(uid, user)).toBe(expected);
});
