/**
 * Creates a function that reads bytes which never change. While bytes of a key are being read or are used anywhere in the
 * process, they are not read again: all users share one buffer, which none of them may change.
 */
export function createSharedReads(): (
  key: string,
  read: () => Promise<Buffer | undefined>,
) => Promise<Buffer | undefined> {
  const reading = new Map<string, Promise<Buffer | undefined>>();
  const used = new Map<string, WeakRef<Buffer>>();
  const unused = new FinalizationRegistry<string>((key) => {
    if (used.get(key)?.deref() === undefined) used.delete(key);
  });

  return async (key, read) => {
    const known = used.get(key)?.deref();
    if (known) return known;
    let bytes = reading.get(key);
    if (!bytes) {
      bytes = read().finally(() => reading.delete(key));
      reading.set(key, bytes);
      const buffer = await bytes;
      if (buffer) {
        used.set(key, new WeakRef(buffer));
        unused.register(buffer, key);
      }
    }
    return bytes;
  };
}
