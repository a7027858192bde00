import type { EventLog } from './event-log.ts';

/**
 * A log that writes nothing while Redis is full, and counts what it leaves out: its lines would keep the room that
 * messages leave when they are delivered. What it has already gives way, too, the oldest first: otherwise nothing new
 * could be accepted until lines are old enough to go by themselves.
 */
export function shedWhenFull(events: EventLog, isFull: () => boolean): EventLog {
  let shed = 0;
  const leaveOut = (lines: number) => {
    if (!isFull()) return false;
    shed += lines;
    return true;
  };
  return {
    ...events,
    started(messageId, message, line) {
      if (!leaveOut(1)) events.started(messageId, message, line);
    },
    failed(messageId, message, lines, nextDeliveryInMs) {
      if (!leaveOut(lines.length)) events.failed(messageId, message, lines, nextDeliveryInMs);
    },
    ended(messageId, lines, message) {
      if (!leaveOut(lines.length)) events.ended(messageId, lines, message);
    },
    list(messageId, lines, message) {
      if (!leaveOut(lines.length)) events.list(messageId, lines, message);
    },
    trim: (maxLines) => (isFull() ? events.shorten() : events.trim(maxLines)),
    lost: () => events.lost() + shed,
  };
}
