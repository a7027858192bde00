/** Ends a request whose server sends nothing for too long. */
export interface Silence {
  signal: AbortSignal;
  /** The server was heard, or nothing is expected of it until now. */
  hear(): void;
  /** Reads the text of a response, part by part. */
  read(response: Response, take: (part: string) => void): Promise<void>;
  /** Nothing more is expected: the request ends. */
  end(): void;
  /** Whether it was ended, and not by the silence. */
  isEnded(): boolean;
}

export function watchSilence(maxMs: number): Silence {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isEnded = false;
  const hear = () => {
    clearTimeout(timer);
    if (!isEnded && maxMs !== Infinity) timer = setTimeout(() => controller.abort(), maxMs);
  };
  return {
    signal: controller.signal,
    hear,
    async read(response, take) {
      const reader = response.body?.getReader();
      if (!reader) return;
      const decoder = new TextDecoder();
      for (;;) {
        hear();
        const { done, value } = await reader.read();
        take(decoder.decode(value, { stream: !done }));
        if (done) return;
      }
    },
    end() {
      isEnded = true;
      clearTimeout(timer);
      controller.abort();
    },
    isEnded: () => isEnded,
  };
}
