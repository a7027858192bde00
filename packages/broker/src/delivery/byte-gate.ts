/** Runs a piece of work that needs so many bytes, when there is room for them. */
export type ByteGate = <T>(bytes: number, work: () => Promise<T>) => Promise<T>;

/** Lets pieces of work run side by side, in their order, while they need no more than this together; one alone may. */
export function createByteGate(maxBytes: number): ByteGate {
  const waiting: { bytes: number; start: () => void }[] = [];
  let used = 0;

  function startNext(): void {
    for (let next = waiting[0]; next && (used === 0 || used + next.bytes <= maxBytes); next = waiting[0]) {
      waiting.shift();
      used += next.bytes;
      next.start();
    }
  }

  return async (bytes, work) => {
    await new Promise<void>((start) => {
      waiting.push({ bytes, start });
      startNext();
    });
    try {
      return await work();
    } finally {
      used -= bytes;
      startNext();
    }
  };
}
