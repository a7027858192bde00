import { parseCron } from './cron.ts';

/**
 * The next times of a cron expression, and the expression in words.
 *
 * @throws {PosthornError} `invalid_request` as `parseCron` does
 */
export function previewCron(expression: string, now: number, times = 5): { next: number[]; text: string } {
  const cron = parseCron(expression);
  const next: number[] = [];
  for (let at = now; next.length < times;) next.push((at = cron.next(at)));
  return { next, text: describeCron(expression) };
}

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const descriptors: Record<string, string> = {
  '@hourly': 'Every hour',
  '@daily': 'Every day at 00:00',
  '@midnight': 'Every day at 00:00',
  '@weekly': 'Every Sunday at 00:00',
  '@monthly': 'On day 1 of the month at 00:00',
  '@yearly': 'On 1 January at 00:00',
  '@annually': 'On 1 January at 00:00',
};

/** A valid cron expression in words, such as `At 04:00 on Monday (Europe/Berlin)`. */
function describeCron(expression: string): string {
  const [, zone = 'UTC', rest = ''] = /^(?:(?:CRON_)?TZ=(\S*)\s+)?(.*)$/s.exec(expression.trim()) ?? [];
  const known = descriptors[rest.toLowerCase()];
  if (known) return `${known} (${zone})`;
  const [minute = '*', hour = '*', day = '*', month = '*', weekday = '*'] = rest
    .split(/\s+/)
    .map((field) => field.replaceAll('?', '*'));
  const parts = [describeTime(minute, hour)];
  // A day that either of the two fields names counts.
  const onDays = [
    ...(isEveryDay(day) ? [] : [`on ${describeField(day, 'day', nameMonthDay)}`]),
    ...(isEveryDay(weekday) ? [] : [`on ${describeField(weekday, 'day of the week', nameWeekday)}`]),
  ];
  if (onDays.length > 0) parts.push(onDays.join(' or '));
  if (month !== '*') parts.push(`in ${describeField(month, 'month', (text) => nameOf(text, months, 1))}`);
  return `${parts.join(' ')} (${zone})`;
}

const isEveryDay = (field: string) => field.split(',').some((part) => /^\*(\/0?1)?$/.test(part));
const nameWeekday = (text: string) => nameOf(text, days, 0);

function nameMonthDay(text: string): string {
  if (text === 'L') return 'the last day of the month';
  return text === 'LW' ? 'the last working day of the month' : `day ${text} of the month`;
}

function describeTime(minute: string, hour: string): string {
  const isNumber = (text: string) => /^\d+$/.test(text);
  if (isNumber(minute) && isNumber(hour)) return `At ${pad(hour)}:${pad(minute)}`;
  if (isNumber(minute) && /^\d+(,\d+)+$/.test(hour)) {
    return `At ${hour
      .split(',')
      .map((one) => `${pad(one)}:${pad(minute)}`)
      .join(', ')}`;
  }
  if (minute === '*' && hour === '*') return 'Every minute';
  const step = /^\*\/(\d+)$/.exec(minute)?.[1];
  const minutes = step
    ? `Every ${step} minutes`
    : minute === '*'
      ? 'Every minute'
      : minute === '0'
        ? 'On the hour'
        : `At minute ${minute}`;
  if (hour === '*') return minute === '0' ? 'Every hour' : minutes;
  const hourStep = /^\*\/(\d+)$/.exec(hour)?.[1];
  if (hourStep) return minute === '0' ? `Every ${hourStep} hours` : `${minutes} of every ${hourStep} hours`;
  return `${minutes} in hour ${hour}`;
}

function describeField(field: string, unit: string, name: (text: string) => string): string {
  const items = field.split(',').map((item) => {
    const [range = '', step] = item.split('/');
    const text = range === '*' ? `every ${unit}` : range.split('-').map(name).join(' to ');
    return step === undefined ? text : `every ${step} of ${text}`;
  });
  return items.join(', ');
}

function nameOf(text: string, names: readonly string[], first: number): string {
  const [, value = text, nth] = /^(\w+?)(#[1-5L]|L)?$/.exec(text) ?? [];
  const found = /^\d+$/.test(value)
    ? names[Number(value) - first]
    : names.find((name) => name.slice(0, 3).toLowerCase() === value.toLowerCase());
  const which =
    nth === undefined
      ? ''
      : nth.includes('L')
        ? 'the last '
        : `the ${['', 'first', 'second', 'third', 'fourth', 'fifth'][Number(nth.slice(1))] ?? ''} `;
  return `${which}${found ?? text}`;
}

function pad(text: string): string {
  return text.padStart(2, '0');
}
