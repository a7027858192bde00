/** The Lua text of one of BullMQ's scripts. BullMQ's version is pinned, and a test compares what both ways store. */
declare module 'bullmq/dist/cjs/scripts/*' {
  interface Script {
    content: string;
  }
  export const addStandardJob: Script;
  export const addDelayedJob: Script;
}
