import { PosthornError } from '@posthorn/shared';
import { Cron as CronPattern } from 'croner';

/** When a schedule is due (contract, delivery.md section 14.1). */
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

/** `*`, `?`, a value or a range, perhaps with a step; the library behind knows more than the dialect has. */
const item = /^([*?]|(\d{1,2}|[a-z]{3})(-(\d{1,2}|[a-z]{3}))?)(\/\d{1,2})?$/i;

/**
 * Reads a cron expression of five fields, perhaps after `CRON_TZ=<zone> `.
 *
 * A time of day that a clock change skips does not come; one that it repeats comes once. Patterns that run through
 * the hours go on through both: an every-minute schedule must not stop for an hour in autumn.
 *
 * @throws {PosthornError} `invalid_request`: `Invalid cron expression <reason>`
 */
export function readCron(text: string): Cron {
  const { zone, fields } = split(text);
  const cron = parse(fields.join(' '), zone);
  const next = (afterMs: number) => {
    for (let run = cron.nextRun(new Date(afterMs)); run; run = cron.nextRun(run)) {
      // Where a clock change skips the minute, the library gives the one after the gap.
      if (cron.match(run)) return run.getTime();
    }
    throw invalid('it never matches');
  };
  next(Date.now());
  return { next };
}

function split(text: string): { zone: string; fields: string[] } {
  const [, given, rest = ''] = /^(?:(?:CRON_)?TZ=(\S*)\s+)?(.*)$/s.exec(text.trim()) ?? [];
  const zone = given ?? 'UTC';
  if (!isZone(zone)) throw invalid(`provided bad location ${zone}: unknown time zone ${zone}`);
  if (rest === '') throw invalid('empty spec string');
  const fields = (descriptors.get(rest.toLowerCase()) ?? rest).split(/\s+/);
  if (fields[0]?.startsWith('@')) throw invalid(`unrecognized descriptor: ${rest}`);
  if (fields.length !== 5) throw invalid(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  for (const [index, { name, min, max }] of ranges.entries()) {
    for (const part of (fields[index] ?? '').split(',')) {
      if (!item.test(part)) throw invalid(`failed to parse '${part}'`);
      const [values = ''] = part.split('/');
      for (const value of values.match(/\d+/g) ?? []) {
        if (Number(value) < min || Number(value) > max) throw invalid(`${name} ${value}: use ${min} to ${max}`);
      }
    }
  }
  return { zone, fields };
}

function parse(fields: string, zone: string): CronPattern {
  try {
    return new CronPattern(fields.replaceAll('?', '*'), { timezone: zone, mode: '5-part', paused: true });
  } catch (error) {
    throw invalid(error instanceof Error ? error.message.replace(/^Cron\w+: /, '') : '');
  }
}

function isZone(zone: string): boolean {
  try {
    return /^[a-z]/i.test(zone) && new Intl.DateTimeFormat('en', { timeZone: zone }) instanceof Intl.DateTimeFormat;
  } catch {
    return false;
  }
}

function invalid(reason: string): PosthornError {
  return new PosthornError('invalid_request', `Invalid cron expression ${reason}`);
}
