/** Runs a piece of work that needs so many bytes, when there is room for them. */
export type ByteGate = <T>(bytes: number, work: () => Promise<T>) => Promise<T>;

/**
 * Bytes of responses and of the bodies beside them from which reports are being made: callbacks, results of calls and
 * reports of failed runs. Each byte is in memory up to seven times meanwhile, and all attempts may end at once.
 */
const maxReportBytes = 32 * 1024 * 1024;
/** Reports with less than this do not wait for others. */
const smallReportBytes = 64 * 1024;

/** The gate that all reports of a process share. */
export const createReportGate = (): ByteGate => createByteGate(maxReportBytes, { smallBytes: smallReportBytes });

/**
 * Lets pieces of work run side by side, in their order, while they need no more than this together; one alone may.
 *
 * @param smallBytes work that needs no more than this does not wait
 */
export function createByteGate(maxBytes: number, { smallBytes = 0 } = {}): ByteGate {
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
    if (bytes <= smallBytes) return work();
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
