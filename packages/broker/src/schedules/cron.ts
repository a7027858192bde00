import { PosthornError } from '@posthorn/shared';
import { Cron as CronPattern } from 'croner';
import { findZone, type Zone } from './zone.ts';

/** When a schedule is due (contract D45). */
export interface Cron {
  /**
   * The first matching minute after an instant, both in milliseconds.
   *
   * @throws {PosthornError} `invalid_request` when there is none
   */
  next(afterMs: number): number;
}

const descriptors = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
]);

/** The library behind counts days and months from 0 when it complains. */
const ranges = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12 },
  { name: 'day of week', min: 0, max: 7 },
];

const value = '(\\d{1,2}|[a-z]{3})';
/** `*`, `?`, a value or a range, perhaps with a step: what every field knows. */
const item = new RegExp(`^([*?]|${value}(-${value})?)(/\\d{1,2})?$`, 'i');
/** The last day of the month, the working day next to a day, the last working day. */
const monthDay = /^(L|LW|\d{1,2}W)$/i;
/** The last or the nth of these days of the week in the month. */
const weekDay = new RegExp(`^(${value}(-${value})?#[1-5L]|${value}L)$`, 'i');

const dayMs = 86_400_000;
/** Clocks that are set back repeat no more than this. */
const maxRepeatMs = 3 * 3_600_000;

/**
 * Parses a cron expression of five fields, perhaps after `CRON_TZ=<zone> `.
 *
 * A time of day that a clock change skips does not come. One that it repeats comes once, unless the expression names every
 * hour: a schedule that runs each minute or each hour must not stop for an hour in autumn.
 *
 * @throws {PosthornError} `invalid_request`: `Invalid cron expression <reason>`
 */
export function parseCron(text: string): Cron {
  const { zone, fields } = split(text);
  // The pattern finds times on the wall; which instants they are is up to the zone.
  const plain = fields.map((field, index) => (index === weekDayField ? unifySunday(field) : field));
  const pattern = parse(plain.map((field, index) => (dayFields.has(index) ? simplifyDays(field) : field)).join(' '));
  const findTime = (afterTime: number) => {
    const time = pattern.nextRun(new Date(afterTime));
    if (!time) throw invalid('it never matches');
    return time.getTime();
  };
  const isHourly = namesEveryHour(fields[1] ?? '');

  const next = (afterMs: number) => {
    const nowTime = zone.timeAt(afterMs);
    const soon = findTime(nowTime);
    const instant = afterMs + (soon - nowTime);
    // Most often no clock changes between yesterday and then.
    const isPlain = instant - afterMs < dayMs && zone.timeAt(afterMs - dayMs) === nowTime - dayMs;
    if (isPlain && zone.timeAt(instant) === soon) return instant;

    let found = Infinity;
    for (let time = isHourly ? findTime(nowTime - maxRepeatMs) : soon; ; time = findTime(time)) {
      const instants = zone.instantsOf(time);
      for (const one of isHourly ? instants : instants.slice(0, 1)) if (one > afterMs) found = Math.min(found, one);
      // The first instants of later times are later ones.
      if (instants[0] !== undefined && instants[0] >= found) return found;
    }
  };
  next(Date.now());
  return { next };
}

function split(text: string): { zone: Zone; fields: string[] } {
  const [, given, rest = ''] = /^(?:(?:CRON_)?TZ=(\S*)\s+)?(.*)$/s.exec(text.trim()) ?? [];
  const name = given ?? 'UTC';
  const zone = findZone(name);
  if (!zone) throw invalid(`provided bad location ${name}: unknown time zone ${name}`);
  if (rest === '') throw invalid('empty spec string');
  const fields = (descriptors.get(rest.toLowerCase()) ?? rest).split(/\s+/);
  if (fields[0]?.startsWith('@')) throw invalid(`unrecognized descriptor: ${rest}`);
  if (fields.length !== 5) throw invalid(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  for (const [index, { name, min, max }] of ranges.entries()) {
    for (const part of (fields[index] ?? '').split(',')) {
      const isKnown = item.test(part) || (index === 2 && monthDay.test(part)) || (index === 4 && weekDay.test(part));
      if (!isKnown) throw invalid(`failed to parse '${part}'`);
      const [values = ''] = part.split('/');
      for (const value of values.match(/\d+/g) ?? []) {
        if (Number(value) < min || Number(value) > max) throw invalid(`${name} ${value}: use ${min} to ${max}`);
      }
    }
  }
  return { zone, fields };
}

const weekDayField = 4;
/** The days of the month and of the week. */
const dayFields = new Set([2, weekDayField]);

/** The library steps from 0 to 6 and finds nothing from 7 on; 7 is Sunday as 0 is, and Sunday is the first day. */
function unifySunday(field: string): string {
  return field.replace(/(?<=^|,)0?7(?=\/)/g, '0');
}

/**
 * A field that names every day, as `*`. The library sees no other spelling of it: with `*\/1` in one field it would take
 * the days of either field instead of those of both.
 */
function simplifyDays(field: string): string {
  return field.split(',').some((part) => /^[*?](\/0?1)?$/.test(part)) ? '*' : field;
}

function parse(fields: string): CronPattern {
  try {
    // `sloppyRanges` allows `5/15`, from 5 to the end of the range.
    const options = { utcOffset: 0, mode: '5-part', paused: true, sloppyRanges: true } as const;
    return new CronPattern(fields.replaceAll('?', '*'), options);
  } catch (error) {
    throw invalid(error instanceof Error ? error.message.replace(/^Cron\w+: /, '') : '');
  }
}

function namesEveryHour(hours: string): boolean {
  const named = new Set<number>();
  for (const part of hours.split(',')) {
    const [range = '', step] = part.split('/');
    const [first = '', last = step === undefined ? first : '23'] = /[*?]/.test(range) ? ['0', '23'] : range.split('-');
    for (let hour = Number(first); hour <= Number(last); hour += Number(step ?? 1)) named.add(hour);
  }
  return named.size === 24;
}

function invalid(reason: string): PosthornError {
  return new PosthornError('invalid_request', `Invalid cron expression ${reason}`);
}
