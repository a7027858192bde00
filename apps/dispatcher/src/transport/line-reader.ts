/** Cuts a stream of bytes into lines that end in a line feed, with or without a carriage return before it. */
export interface LineReader {
  /** Takes bytes from `start` on. @returns the next line without its end; `undefined` when more bytes are needed */
  read(piece: Buffer, start: number): string | undefined;
  /** The index in the piece after what the last `read` took. */
  next(): number;
  /** The beginning of a line whose end has not arrived. */
  rest(): string;
  /** Whether every line so far ended as RFC 9112 says, in carriage return and line feed. */
  isRegular(): boolean;
}

const lineFeed = 10;
/** A text that is joined of many pieces keeps all of them, which take many times its size: so often it is copied. */
const copyEvery = 256;

/** The caller limits the length of a line: by `rest`, after each piece. */
export function createLineReader(): LineReader {
  let rest = '';
  let pieces = 0;
  let next = 0;
  let isRegular = true;
  return {
    read(piece, start) {
      const feed = piece.indexOf(lineFeed, start);
      next = feed < 0 ? piece.length : feed + 1;
      const line = rest + piece.toString('latin1', start, feed < 0 ? piece.length : feed);
      if (feed < 0) {
        rest = ++pieces % copyEvery === 0 ? Buffer.from(line, 'latin1').toString('latin1') : line;
        return undefined;
      }
      rest = '';
      if (line.endsWith('\r')) return line.slice(0, -1);
      isRegular = false;
      return line;
    },
    next: () => next,
    rest: () => rest,
    isRegular: () => isRegular,
  };
}
