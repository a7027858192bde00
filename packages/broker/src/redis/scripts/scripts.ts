import { readFileSync } from 'node:fs';

/** Every Lua script of ours: how many keys it takes. Its file says what it does. */
const scripts = {
  replaceField: { file: 'replace-field.lua', numberOfKeys: 1 },
  releaseBody: { file: 'release-body.lua', numberOfKeys: 1 },
  confirmBody: { file: 'confirm-body.lua', numberOfKeys: 1 },
  cancelMessages: { file: 'cancel-messages.lua', numberOfKeys: 1 },
  buryMessage: { file: 'bury-message.lua', numberOfKeys: 3 },
} as const;

/** The scripts as ioredis wants them when a connection is made. */
export const scriptDefinitions = Object.fromEntries(
  Object.entries(scripts).map(([name, { file, numberOfKeys }]) => [
    name,
    { lua: readFileSync(new URL(file, import.meta.url), 'utf8'), numberOfKeys },
  ]),
);

/** The scripts as methods of a connection, typed as their files describe them. */
export interface ScriptCommands {
  replaceField(key: string, field: string, read: string, value: string, limit: number): Promise<1 | 0 | -1>;
  releaseBody(key: string, messageId: string, keepUntil: number): Promise<number>;
  confirmBody(key: string): Promise<0 | 1>;
  cancelMessages(
    delayedKey: string,
    jobPrefix: string,
    historyPrefix: string,
    now: number,
    logRetentionMs: number,
    ...messageIds: string[]
  ): Promise<(0 | 1 | string)[]>;
  buryMessage(
    dlqKey: string,
    entriesKey: string,
    idsKey: string,
    messageId: string,
    entry: string,
    shard: number,
    shards: number,
    retentionMs: number,
  ): Promise<string>;
}
