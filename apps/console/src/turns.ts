import { sleep } from './sleep.ts';

/** Requests that a tab makes in a second, at most. */
const maxPerSecond = 5;
/** So many of them may be reads in the background; the others are left for what the reader does. */
const maxBackground = 3;

const sent: { at: number; isBackground: boolean }[] = [];
/** Requests of the reader that wait. */
let waiting = 0;

/** Resolves when a request may be sent. What the reader waits for goes before reads in the background. */
export async function waitForTurn(isBackground: boolean): Promise<void> {
  if (!isBackground) waiting++;
  try {
    for (;;) {
      const now = performance.now();
      while (sent[0] !== undefined && sent[0].at <= now - 1000) sent.shift();
      const background = sent.filter((one) => one.isBackground);
      const isFull = sent.length >= maxPerSecond;
      const mustYield = isBackground && (waiting > 0 || background.length >= maxBackground);
      if (!isFull && !mustYield) {
        sent.push({ at: now, isBackground });
        return;
      }
      const [first] = isFull ? sent : background;
      await sleep(first ? first.at + 1000 - now + 1 : 50);
    }
  } finally {
    if (!isBackground) waiting--;
  }
}
