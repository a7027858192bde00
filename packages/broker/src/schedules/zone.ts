/** The clocks on the walls of a time zone. Instants and times are in milliseconds; a time is what an instant of UTC would show. */
export interface Zone {
  /** What a clock shows at an instant. */
  timeAt(instant: number): number;
  /** When a clock shows a time, earliest first: never in the gap of a clock change, twice where the clock is set back. */
  instantsOf(time: number): number[];
}

const dayMs = 86_400_000;

/** Made once for all schedules of a zone: a formatter is large and slow to make. */
const known = new Map<string, Zone>();

/** A zone by its IANA name, in any case; `undefined` if there is none. */
export function findZone(name: string): Zone | undefined {
  const key = name.toLowerCase();
  const zone = known.get(key) ?? createZone(key);
  if (zone) known.set(key, zone);
  return zone;
}

function createZone(name: string): Zone | undefined {
  // An offset such as `+05:00` is no name.
  if (!/^[a-z]/.test(name)) return undefined;
  if (name === 'utc') return { timeAt: (instant) => instant, instantsOf: (time) => [time] };
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }

  const timeAt = (instant: number) => {
    const [month = 1, day = 1, year = 1970, hour = 0, minute = 0, second = 0] = (
      format.format(instant).match(/\d+/g) ?? []
    ).map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) + (((instant % 1000) + 1000) % 1000);
  };
  return {
    timeAt,
    instantsOf(time) {
      // Clocks change at most once within two days, and no zone is more than a day from UTC.
      const offsets = [time - dayMs, time + dayMs].map((instant) => timeAt(instant) - instant);
      const instants = offsets.map((offset) => time - offset).filter((instant) => timeAt(instant) === time);
      return [...new Set(instants)].sort((a, b) => a - b);
    },
  };
}
