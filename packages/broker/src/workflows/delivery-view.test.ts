import { createErrorLimit } from './delivery-view.ts';

test('a body of a failed attempt that has no room as a whole is cut between characters', () => {
  const error = { status: 500, headers: {}, body: '😀'.repeat(300_000), error: '500 Internal Server Error', time: 0 };
  const [shown] = createErrorLimit()([error]);
  // The headers take two bytes.
  expect(shown?.body === '😀'.repeat(262_143)).toBe(true);
});
