/** Collects bytes that arrive in pieces of any size, up to a limit. */
export interface ByteBuffer {
  /** Copies `piece.subarray(start, end)`, or as much of it as still fits. */
  append(piece: Uint8Array, start?: number, end?: number): void;
  /** What has been collected, in bytes. */
  sizeBytes(): number;
  /** Whether the limit is reached. */
  isFull(): boolean;
  /** What has been collected, as its blocks; the buffer is empty afterwards. */
  takeBlocks(): Buffer[];
  /** What has been collected, in one piece; the buffer is empty afterwards. */
  take(): Buffer;
}

const minBlockBytes = 1024;
const maxBlockBytes = 1024 * 1024;

/**
 * Bytes are copied into blocks that grow with the content, so that the memory follows the number of bytes and not the
 * number of pieces: a view of a piece of one byte takes about a hundred bytes. Nothing is copied again until `take`.
 * Memory: at most twice `maxBytes`, and that only during `take`.
 */
export function createByteBuffer(maxBytes: number): ByteBuffer {
  let full: Buffer[] = [];
  let block = Buffer.alloc(0);
  let usedBytes = 0;
  let sizeBytes = 0;

  const takeBlocks = () => {
    const blocks = usedBytes > 0 ? [...full, block.subarray(0, usedBytes)] : full;
    full = [];
    block = Buffer.alloc(0);
    usedBytes = sizeBytes = 0;
    return blocks;
  };
  return {
    append(piece, start = 0, end = piece.length) {
      let from = start;
      const to = Math.min(end, start + maxBytes - sizeBytes);
      while (from < to) {
        if (usedBytes === block.length) {
          if (usedBytes > 0) full.push(block);
          const growthBytes = Math.min(Math.max(sizeBytes, to - from, minBlockBytes), maxBlockBytes);
          block = Buffer.allocUnsafeSlow(Math.min(growthBytes, maxBytes - sizeBytes));
          usedBytes = 0;
        }
        const count = Math.min(to - from, block.length - usedBytes);
        block.set(piece.subarray(from, from + count), usedBytes);
        usedBytes += count;
        sizeBytes += count;
        from += count;
      }
    },
    sizeBytes: () => sizeBytes,
    isFull: () => sizeBytes >= maxBytes,
    takeBlocks,
    take() {
      const blocks = takeBlocks();
      return blocks.length === 1 && blocks[0] ? blocks[0] : Buffer.concat(blocks);
    },
  };
}
