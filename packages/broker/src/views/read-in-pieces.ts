/** Reads entries, `atOnce` of them at a time and no faster than they are taken; those that are gone are left out. */
export async function* readInPieces<T>(
  ids: readonly string[],
  atOnce: number,
  read: (id: string) => Promise<T | undefined>,
): AsyncGenerator<T> {
  for (let from = 0; from < ids.length; from += atOnce) {
    const entries = await Promise.all(ids.slice(from, from + atOnce).map(read));
    for (const entry of entries) if (entry !== undefined) yield entry;
  }
}

const getId = ({ id }: { id: string }) => id;

/** The same, oldest first. More than `atOnce` are read twice, so that they need not be in memory together. */
export async function* readByAge<T extends { createdAt: number }>(
  ids: readonly string[],
  atOnce: number,
  read: (id: string) => Promise<T | undefined>,
): AsyncGenerator<T> {
  const isFew = ids.length <= atOnce;
  const found: { id: string; createdAt: number; entry?: T }[] = [];
  const look = async (id: string) => {
    const entry = await read(id);
    return entry && { id, createdAt: entry.createdAt, ...(isFew ? { entry } : {}) };
  };
  for await (const each of readInPieces(ids, atOnce, look)) found.push(each);
  found.sort((a, b) => a.createdAt - b.createdAt || a.id.localeCompare(b.id));
  if (!isFew) yield* readInPieces(found.map(getId), atOnce, read);
  for (const { entry } of found) if (entry !== undefined) yield entry;
}
