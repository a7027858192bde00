import { disarm } from './text.ts';
import { formatDistance, formatTime } from './time.ts';
import type { Paint } from './paint.ts';

/** Milliseconds since 1970. */
const instants = new Set([
  'createdAt',
  'updatedAt',
  'notBefore',
  'nextDeliveryTime',
  'lastScheduleTime',
  'nextScheduleTime',
]);
/** Other names for what is there anyway. */
const aliases = new Set(['callerIP', 'topicName', 'ratePerSecond', 'label']);

/** One object, one line for each of its fields that say something. */
export function formatFields(object: object, paint: Paint): string[] {
  const fields = Object.entries(object).filter(([name, value]) => !aliases.has(name) && value !== undefined);
  const width = Math.max(...fields.map(([name]) => name.length)) + 2;
  return fields.map(([name, value]) => {
    const lines = formatValue(name, value).flatMap((text) => disarm(text).split('\n'));
    return paint('dim', name.padEnd(width)) + lines.join(`\n${' '.repeat(width)}`);
  });
}

function formatValue(name: string, value: unknown): string[] {
  if (instants.has(name) && typeof value === 'number') return [`${formatTime(value)}  (${formatDistance(value)})`];
  if (Array.isArray(value))
    return value.map((each) => (typeof each === 'object' ? formatPairs(each as object) : [each]).join('  '));
  return typeof value === 'object' && value !== null ? formatPairs(value) : [String(value)];
}

/** A map, such as headers: each name with its values. */
function formatPairs(map: object): string[] {
  return Object.entries(map).map(([name, value]) => `${name}: ${[value].flat().join(', ')}`);
}
