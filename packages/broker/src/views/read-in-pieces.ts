/** Reads entries, `atOnce` of them at a time and no faster than they are taken; those that are gone are left out. */
export async function* readInPieces<T>(
  ids: Iterable<string>,
  atOnce: number,
  read: (id: string) => Promise<T | undefined>,
): AsyncGenerator<T> {
  for (const piece of cutIntoPieces(ids, atOnce)) {
    const entries = await Promise.all(piece.map(read));
    for (const entry of entries) if (entry !== undefined) yield entry;
  }
}

function* cutIntoPieces(ids: Iterable<string>, length: number): Generator<string[]> {
  let piece: string[] = [];
  for (const id of ids) {
    piece.push(id);
    if (piece.length < length) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

/** The texts of sorted lists in one order, each once. Nothing is sorted at once: a million texts would take a second. */
export function* mergeSorted(lists: readonly (readonly string[])[]): Generator<string> {
  let last: string | undefined;
  for (const text of mergeAll(lists)) if (text !== last) yield (last = text);
}

function* mergeAll(lists: readonly (readonly string[])[]): Generator<string, undefined> {
  if (lists.length < 2) {
    yield* lists[0] ?? [];
    return;
  }
  const [left, right] = [mergeAll(lists.slice(0, lists.length >> 1)), mergeAll(lists.slice(lists.length >> 1))];
  let [a, b] = [left.next(), right.next()];
  while (!a.done || !b.done) {
    if (b.done || (!a.done && a.value <= b.value)) {
      if (!a.done) yield a.value;
      a = left.next();
    } else {
      yield b.value;
      b = right.next();
    }
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
