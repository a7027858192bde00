import type { LogStore } from './log-store.ts';

/**
 * A log that writes nothing while Redis is full, and counts what it leaves out: its entries would keep the room that
 * messages leave when they are delivered. What it has already gives way, too, the oldest first: otherwise nothing new
 * could be accepted until entries are old enough to go by themselves.
 */
export function shedWhenFull(logs: LogStore, isFull: () => boolean): LogStore {
  let shed = 0;
  const leaveOut = (entries: number) => {
    if (!isFull()) return false;
    shed += entries;
    return true;
  };
  return {
    ...logs,
    started(messageId, message, entry) {
      if (!leaveOut(1)) logs.started(messageId, message, entry);
    },
    failed(messageId, message, entries, nextDeliveryInMs) {
      if (!leaveOut(entries.length)) logs.failed(messageId, message, entries, nextDeliveryInMs);
    },
    ended(messageId, entries, message) {
      if (!leaveOut(entries.length)) logs.ended(messageId, entries, message);
    },
    list(messageId, entries, message) {
      if (!leaveOut(entries.length)) logs.list(messageId, entries, message);
    },
    trim: (maxEntries) => (isFull() ? logs.shorten() : logs.trim(maxEntries)),
    lost: () => logs.lost() + shed,
  };
}
