// Every clock change of every time zone from 2026 to 2030, against times that are counted minute by minute.
import { parseCron } from './cron.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

interface Change {
  zone: string;
  at: number;
  /** Offsets from UTC in ms. */
  before: number;
  after: number;
}

/** Reads the offset that the platform prints, which is not how the code under test finds out. */
function offsetIn(zone: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  return (instant) => {
    const [, sign = '+', hours = '0', minutes = '0'] = /GMT([+-])(\d\d):(\d\d)/.exec(format.format(instant)) ?? [];
    return (sign === '-' ? -1 : 1) * (Number(hours) * hourMs + Number(minutes) * minuteMs);
  };
}

function findChanges(): Change[] {
  const changes = new Map<string, Change>();
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    const offset = offsetIn(zone);
    let before = offset(Date.UTC(2026, 0));
    for (let from = Date.UTC(2026, 0); from < Date.UTC(2031, 0); from += 7 * dayMs) {
      const after = offset(from + 7 * dayMs);
      if (after === before) continue;
      let [low, high] = [from, from + 7 * dayMs];
      while (high - low > minuteMs) {
        const middle = low + Math.floor((high - low) / 2 / minuteMs) * minuteMs;
        if (offset(middle) === before) low = middle;
        else high = middle;
      }
      // Zones that change alike are one case.
      changes.set(`${high} ${before} ${after}`, { zone, at: high, before, after });
      before = after;
    }
  }
  return [...changes.values()];
}

const all = (count: number) => Array.from({ length: count }, (_, value) => value);
const every = (step: number, count: number) => all(count).filter((value) => value % step === 0);

/** Patterns whose hours are about the change: `hour` is the one that is skipped or comes twice. */
const patterns = (hour: number): [text: string, minutes: number[], hours: number[]][] => [
  [`0 ${hour}`, [0], [hour]],
  [`0 ${hour},${(hour + 12) % 24}`, [0], [hour, (hour + 12) % 24]],
  [`0,30 ${hour}`, [0, 30], [hour]],
  [`*/15 ${hour}`, every(15, 60), [hour]],
  [`7/20 ${hour},${(hour + 1) % 24},${(hour + 2) % 24}`, [7, 27, 47], [hour, (hour + 1) % 24, (hour + 2) % 24]],
  ['0 2,14', [0], [2, 14]],
  ['0 2-4', [0], [2, 3, 4]],
  ['*/15 2', every(15, 60), [2]],
  ['30 */2', [30], every(2, 24)],
  ['45 0-22', [45], all(23)],
  ['0 *', [0], all(24)],
  ['*/20 */1', every(20, 60), all(24)],
];

const windowMs = 4 * hourMs;

function expected({ at, before, after }: Change, minutes: number[], hours: number[]): number[] {
  const instants: number[] = [];
  const shown = new Set<number>();
  for (let instant = at - windowMs; instant < at + windowMs; instant += minuteMs) {
    const time = instant + (instant < at ? before : after);
    const isRepeat = shown.has(time);
    shown.add(time);
    const date = new Date(time);
    const isMeant = minutes.includes(date.getUTCMinutes()) && hours.includes(date.getUTCHours());
    if (isMeant && (!isRepeat || hours.length === 24)) instants.push(instant);
  }
  return instants;
}

function actual({ zone, at }: Change, text: string): number[] {
  const { next } = parseCron(`CRON_TZ=${zone} ${text} * * *`);
  const instants: number[] = [];
  for (let instant = next(at - windowMs - 1); instant < at + windowMs; instant = next(instant)) instants.push(instant);
  return instants;
}

const changes = findChanges();

test('clocks change forward and back, by half an hour, one hour and two', () => {
  const shifts = new Set(changes.map(({ before, after }) => (after - before) / minuteMs));
  for (const shift of [60, -60, 30, -30, 120, -120]) expect(shifts).toContain(shift);
  expect(changes.length).toBeGreaterThan(100);
});

test('a time that comes twice fires once, a time that is skipped does not, and every hour goes on', () => {
  const wrong: string[] = [];
  for (const change of changes) {
    const hour = new Date(change.at + Math.min(change.before, change.after)).getUTCHours();
    for (const [text, minutes, hours] of patterns(hour)) {
      const want = expected(change, minutes, hours).join(' ');
      const got = actual(change, text).join(' ');
      if (got !== want) wrong.push(`${change.zone} ${new Date(change.at).toISOString()} ${text}: ${got} not ${want}`);
    }
  }
  expect(wrong).toEqual([]);
}, 120_000);

test('the next time is the same from wherever it is asked for', () => {
  const wrong: string[] = [];
  for (const change of changes.filter((_, index) => index % 15 === 0)) {
    const hour = new Date(change.at + Math.min(change.before, change.after)).getUTCHours();
    for (const [text, minutes, hours] of patterns(hour)) {
      const want = expected(change, minutes, hours);
      const { next } = parseCron(`CRON_TZ=${change.zone} ${text} * * *`);
      for (let from = change.at - 3 * hourMs; from < change.at + 3 * hourMs; from += 13 * minuteMs + 17_123) {
        const found = want.find((instant) => instant > from);
        if (found !== undefined && next(from) !== found) wrong.push(`${change.zone} ${text} after ${from}`);
      }
    }
  }
  expect(wrong).toEqual([]);
}, 120_000);
