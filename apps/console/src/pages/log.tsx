import type { LogEntryView } from '@posthorn/shared';
import { Component } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatQuery } from '../api.ts';
import { useResource } from '../data.ts';
import { parseDestination } from '../destination.ts';
import { followEntries, gaps } from '../live.ts';
import { announceRows, hold, isReading } from '../reading.ts';
import { Link, segment, useLocation } from '../router.tsx';
import { emptyTail, isCut, join, keep, keyOf, maxTail, merge, type Tail } from '../tail.ts';
import { Fallback } from '../components/fallback.tsx';
import { Filters, StateFilter } from '../components/filters.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Pager } from '../components/pager.tsx';
import { State } from '../components/state.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { Url } from '../components/url.tsx';

const pageSize = 100;
/** Entries that arrive within this time are drawn together, because drawing costs more than receiving. */
const gatherMs = 500;

interface Page {
  logs: LogEntryView[];
  cursor?: string;
}

export function Log() {
  const { query } = useLocation();
  const get = (name: string) => query.get(name) ?? '';
  const cursor = get('cursor');
  const filter = { ...parseDestination(get('destination')), state: get('state'), label: get('label') };
  const isFiltered = Object.values(filter).some(Boolean);
  const path = `/v2/logs${formatQuery({ ...filter, cursor, count: pageSize, trimBody: 0 })}`;
  const { data, error, isStale } = useResource<Page>(path, {
    isLive: cursor === '',
    signal: gaps,
    rows: ({ logs }) => logs.map(keyOf),
  });
  const isWantedNow = (entry: LogEntryView) => isWanted(entry, filter);
  const tail = useTail(isWantedNow, cursor === '', data);
  const { entries, next } = follow(isStale ? emptyTail : tail, data);
  return (
    <>
      <PageHead title="Log">
        <LiveSwitch />
      </PageHead>
      <Filters names={['state', 'destination', 'label']} before={<StateFilter />} />
      {data ? (
        <Table
          label="Log"
          columns={[
            { title: 'Time' },
            { title: 'State' },
            { title: 'Message' },
            { title: 'Destination' },
            { title: 'Detail' },
          ]}
          isEmpty={entries.length === 0}
          isStale={isStale}
          empty={
            isFiltered ? (
              'No entry of the log matches these filters.'
            ) : (
              <>
                The log is empty. Every step of a message appears here: <Link to="/send">Publish one</Link>.
              </>
            )
          }
        >
          {entries.map((entry) => (
            <Row key={keyOf(entry)} entry={entry} />
          ))}
        </Table>
      ) : (
        <Fallback error={error} />
      )}
      <Pager path="/log" next={next} />
    </>
  );
}

/** The rows: newer entries, then the page; and the cursor of the older ones. */
function follow(tail: Tail, page: Page | undefined): { entries: readonly LogEntryView[]; next: string | undefined } {
  const last = tail.entries.at(-1);
  // The page is far behind: older entries are those from the time of the last one that is shown.
  if (last && isCut(tail)) return { entries: tail.entries, next: String(last.time + 1) };
  return { entries: merge(tail.entries, page?.logs ?? []), next: page?.cursor };
}

/** Drawn once: an entry of the log never changes, and hundreds of them may come in a second. */
class Row extends Component<{ entry: LogEntryView }> {
  override shouldComponentUpdate({ entry }: { entry: LogEntryView }): boolean {
    return entry !== this.props.entry;
  }

  override render() {
    const { entry } = this.props;
    return (
      <tr>
        <td>
          <Time at={entry.time} />
        </td>
        <td>
          <State state={entry.state} status={entry.responseStatus} />
        </td>
        <td>
          <Link to={`/messages/${segment(entry.messageId)}`} class="id">
            {entry.messageId}
          </Link>
        </td>
        <td class="url">
          <Url text={entry.url} />
        </td>
        <td>
          {entry.error ?? ''}
          {entry.nextDeliveryTime === undefined ? null : (
            <>
              next attempt <Time at={entry.nextDeliveryTime} />
            </>
          )}
        </td>
      </tr>
    );
  }
}

/** What came after the page was read. While the reader would lose their place it is held back. */
function useTail(isWantedNow: (entry: LogEntryView) => boolean, isOn: boolean, page: Page | undefined): Tail {
  const [added, setAdded] = useState(emptyTail);
  const [waiting, setWaiting] = useState(emptyTail);
  const latest = useRef({ isWantedNow, waiting });
  latest.current = { isWantedNow, waiting };
  useEffect(() => {
    // What came while the page was read is newer than it.
    const newest = page?.logs[0]?.time ?? 0;
    const known = new Set(page?.logs.map(keyOf));
    const isLeft = (entry: LogEntryView) =>
      latest.current.isWantedNow(entry) && entry.time >= newest && !known.has(keyOf(entry));
    setAdded((tail) => keep(tail, isLeft));
    setWaiting((tail) => keep(tail, isLeft));
  }, [page]);
  useEffect(() => {
    if (!isOn) return undefined;
    let gathered: LogEntryView[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const put = () => {
      timer = undefined;
      const newer = { entries: gathered.reverse().slice(0, maxTail), count: gathered.length };
      gathered = [];
      const isHeld = isReading() || latest.current.waiting.count > 0;
      if (!isHeld) announceRows(setAdded, newer.count);
      (isHeld ? setWaiting : setAdded)((before) => join(newer, before));
    };
    const end = followEntries((entry) => {
      if (!latest.current.isWantedNow(entry)) return;
      gathered.push(entry);
      timer ??= setTimeout(put, gatherMs);
    });
    return () => {
      end();
      clearTimeout(timer);
    };
  }, [isOn]);
  useEffect(() => {
    const show = () => {
      setWaiting(emptyTail);
      setAdded((before) => join(waiting, before));
    };
    hold(setWaiting, waiting.count === 0 ? undefined : { count: waiting.count, show });
    return () => hold(setWaiting, undefined);
  }, [waiting]);
  return isOn ? added : emptyTail;
}

/** The stream of the tab has every entry; this page shows those that match. */
function isWanted(entry: LogEntryView, filter: { url?: string; host?: string; state: string; label: string }): boolean {
  const { url, host, state, label } = filter;
  if (state !== '' && entry.state !== state) return false;
  if (label !== '' && !label.split(',').some((one) => entry.labels?.includes(one.trim()))) return false;
  if (url !== undefined && entry.url !== url) return false;
  return (
    host === undefined ||
    (URL.canParse(entry.url) && [new URL(entry.url).host, new URL(entry.url).hostname].includes(host.toLowerCase()))
  );
}
