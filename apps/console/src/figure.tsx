import type { Stats } from '@posthorn/shared';
import { useState } from 'preact/hooks';
import { formatQuery, serverNow, type ApiError } from './api.ts';
import { countsMs, useResource, type Resource } from './data.ts';
import { formatNumber } from './format.ts';
import { setQuery, useLocation } from './router.tsx';
import { Time } from './components/time.tsx';

const width = 720;
const height = 120;

const parts = [
  { name: 'delivered', title: 'Delivered', style: 'bar-good' },
  { name: 'retries', title: 'Will be retried', style: 'bar-warn' },
  { name: 'failed', title: 'Failed', style: 'bar-bad' },
] as const;

const ranges = [
  ['', 'Automatic', 0],
  ['1h', '1 hour', 3_600_000],
  ['24h', '24 hours', 86_400_000],
  ['7d', '7 days', 7 * 86_400_000],
  ['30d', '30 days', 30 * 86_400_000 - 3_600_000],
] as const;

export interface Range extends Record<string, number | undefined> {
  from?: number | undefined;
  to?: number | undefined;
}

/**
 * The query of counts over the time that the reader has chosen; by default a day, or an hour while the log is younger. The
 * start moves in whole minutes, so that the same request is made for a while.
 *
 * @param given the times of a filter; they win
 */
export function useRange(oldest?: number, given: Range = {}): Range {
  const { query } = useLocation();
  if (given.from !== undefined || given.to !== undefined) return given;
  const chosen = ranges.find(([name]) => name !== '' && name === query.get('range'))?.[2];
  const now = serverNow();
  const isYoung = oldest !== undefined && now - oldest < 3_000_000;
  const length = chosen ?? (isYoung ? 3_600_000 : undefined);
  return length === undefined ? {} : { from: Math.floor((now - length) / 60_000) * 60_000 };
}

/** Counts over time, of what the query names. */
export function useStats(range: Range, query: Record<string, string> = {}): Resource<Stats> {
  const { query: address } = useLocation();
  // The start moves on with time; only another choice of the reader makes stale what is shown.
  const scope = JSON.stringify([query, address.get('range'), address.get('from'), address.get('to')]);
  const path = `/v2/stats${formatQuery({ ...range, ...query })}`;
  return useResource<Stats>(path, { isLive: true, everyMs: countsMs, scope });
}

function RangePicker() {
  const { query } = useLocation();
  return (
    <select
      class="small"
      aria-label="Time range"
      value={query.get('range') ?? ''}
      onChange={(event) => setQuery({ range: event.currentTarget.value })}
    >
      {ranges.map(([name, title]) => (
        <option value={name}>{title}</option>
      ))}
    </select>
  );
}

type Point = Stats['series'][number]['points'][number];

/** The bars of each part, those of all points in one path. */
function drawBars(points: readonly Point[], most: number): string[] {
  const step = width / Math.max(1, points.length);
  const barWidth = Math.max(1, step - 1);
  const paths = parts.map(() => '');
  for (const [index, point] of points.entries()) {
    let y = height;
    for (const [at, { name }] of parts.entries()) {
      if (point[name] === 0) continue;
      const size = (point[name] / most) * (height - 4);
      y -= size;
      const bar = `M${index * step + 0.5} ${y}h${barWidth}v${size}h${-barWidth}z`;
      paths[at] = `${paths[at] ?? ''}${bar}`;
    }
  }
  return paths;
}

/** Counts over time as bars, and the same as a table. */
export function MessagesOverTime({
  data: stats,
  error,
  label = 'Messages over time',
  isStale = false,
  isFixed = false,
}: {
  /** What is read; until then the figure has its place already, so that nothing moves. */
  data: Stats | undefined;
  error?: ApiError | undefined;
  label?: string;
  /** The counts are those of the query before. */
  isStale?: boolean;
  /** The time is not chosen here. */
  isFixed?: boolean;
}) {
  if (!stats) {
    return (
      <div class="chart pending">
        <p class="muted">{error ? 'The counts cannot be shown.' : 'Loading…'}</p>
      </div>
    );
  }
  const points = stats.series[0]?.points ?? [];
  const most = Math.max(1, ...points.map((point) => parts.reduce((sum, { name }) => sum + point[name], 0)));
  const { accepted, delivered, failed, retries } = stats.totals;
  const filled = points.filter((point) => point.accepted + point.attempts > 0);
  return (
    <figure aria-label={label} class="chart" aria-busy={isStale}>
      <figcaption>
        <b>{label}</b> {formatNumber(accepted)} accepted · {formatNumber(delivered)} delivered · {formatNumber(retries)}{' '}
        retried · {formatNumber(failed)} failed
        <span class="legend">
          {parts.map(({ title, style }) => (
            <span>
              <svg width="10" height="10" aria-hidden="true">
                <rect width="10" height="10" class={style} />
              </svg>{' '}
              {title}
            </span>
          ))}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true" class="bars">
        {drawBars(points, most).map((path, index) => (
          <path class={parts[index]?.style} d={path} />
        ))}
        <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} class="axis" />
      </svg>
      <div class="range">
        <Time at={stats.from} />
        <span>{filled.length === 0 ? '' : `at most ${formatNumber(most)} in a bar`}</span>
        <Time at={Math.min(stats.to, serverNow())} />
      </div>
      <div class="chart-foot">{isFixed ? null : <RangePicker />}</div>
      <PointsTable label={label} points={filled} />
    </figure>
  );
}

/** The rows are made when the reader opens the table. */
function PointsTable({ label, points }: { label: string; points: readonly Point[] }) {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>{label} as a table</summary>
      {isOpen ? (
        <div class="scroll" tabIndex={0} role="group" aria-label={`${label} in numbers`}>
          <table>
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col" class="number">
                  Accepted
                </th>
                {parts.map(({ title }) => (
                  <th scope="col" class="number">
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {points.length === 0 ? (
                <tr>
                  <td colSpan={5}>Nothing happened in this time.</td>
                </tr>
              ) : (
                points.map((point) => (
                  <tr>
                    <td>
                      <Time at={point.time} />
                    </td>
                    <td class="number">{formatNumber(point.accepted)}</td>
                    {parts.map(({ name }) => (
                      <td class="number">{formatNumber(point[name])}</td>
                    ))}
                  </tr>
                ))
              )}
            </tbody>
          </table>
        </div>
      ) : null}
    </details>
  );
}
