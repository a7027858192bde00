import type { EventView } from '@posthorn/shared';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatQuery } from '../api.ts';
import { useResource } from '../data.ts';
import { parseDestination } from '../destination.ts';
import { followLines, gaps } from '../live.ts';
import { hold, isReading } from '../reading.ts';
import { Link, segment, setQuery, usePlace } from '../router.tsx';
import { Button } from '../components/button.tsx';
import { Fallback } from '../components/fallback.tsx';
import { Field, Select } from '../components/field.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Pager } from '../components/pager.tsx';
import { messageStates, State } from '../components/state.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { Url } from '../components/url.tsx';
import { useTyped } from '../components/use-typed.ts';

const pageSize = 100;
/** New entries that are added to the page, or that wait; with more of them the page is read again. */
const maxTail = 300;
/** Entries that come in quick succession are shown together. */
const gatherMs = 200;

interface Page {
  logs: EventView[];
  cursor?: string;
}

export function Log() {
  const { query } = usePlace();
  const get = (name: string) => query.get(name) ?? '';
  const [destination, setDestination] = useTyped('destination');
  const [label, setLabel] = useTyped('label');
  const cursor = get('cursor');
  const filter = { ...parseDestination(get('destination')), state: get('state'), label: get('label') };
  const isFiltered = Object.values(filter).some(Boolean);
  const path = `/v2/logs${formatQuery({ ...filter, cursor, count: pageSize, trimBody: 0 })}`;
  const { data, error, isStale, refresh } = useResource<Page>(path, {
    isLive: cursor === '',
    signal: gaps,
    rows: ({ logs }) => logs.map(keyOf),
  });
  const isWantedNow = (line: EventView) => isWanted(line, filter);
  const tail = useTail(isWantedNow, cursor === '', refresh, data);
  const lines = merge(isStale ? [] : tail, data?.logs ?? []);
  return (
    <>
      <PageHead title="Log">
        <LiveSwitch />
      </PageHead>
      <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <Select
          label="State"
          value={get('state')}
          onValue={(state) => setQuery({ state })}
          options={[['', 'Any'], ...messageStates.map((state) => [state, state] as const)]}
        />
        <Field
          label="Destination"
          placeholder="host or URL"
          value={destination}
          onInput={(event) => setDestination(event.currentTarget.value)}
        />
        <Field label="Label" value={label} onInput={(event) => setLabel(event.currentTarget.value)} />
        <Button
          isOff={!isFiltered}
          onClick={() => setQuery({ state: undefined, destination: undefined, label: undefined })}
        >
          Clear filters
        </Button>
      </form>
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
          isEmpty={lines.length === 0}
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
          {lines.map((line) => (
            <tr key={keyOf(line)}>
              <td>
                <Time at={line.time} />
              </td>
              <td>
                <State state={line.state} status={line.responseStatus} />
              </td>
              <td>
                <Link to={`/messages/${segment(line.messageId)}`} class="id">
                  {line.messageId}
                </Link>
              </td>
              <td class="url">
                <Url text={line.url} />
              </td>
              <td>
                {line.error ?? ''}
                {line.nextDeliveryTime === undefined ? null : (
                  <>
                    next attempt <Time at={line.nextDeliveryTime} />
                  </>
                )}
              </td>
            </tr>
          ))}
        </Table>
      ) : (
        <Fallback error={error} what="" />
      )}
      <Pager path="/log" next={data?.cursor} />
    </>
  );
}

const keyOf = ({ messageId, state, time }: EventView) => `${messageId} ${state} ${time}`;

/** Entries without repeats, newest first. */
function merge(newer: readonly EventView[], older: readonly EventView[]): EventView[] {
  const lines = new Map([...newer, ...older].map((line) => [keyOf(line), line]));
  return [...lines.values()].sort((a, b) => b.time - a.time);
}

/** Entries that came after the page was read, newest first. While the reader would lose their place they are held back. */
function useTail(
  isWantedNow: (line: EventView) => boolean,
  isOn: boolean,
  refresh: () => Promise<void>,
  page: Page | undefined,
): EventView[] {
  const [added, setAdded] = useState<EventView[]>([]);
  const [waiting, setWaiting] = useState<EventView[]>([]);
  const latest = useRef({ isWantedNow, waiting });
  latest.current = { isWantedNow, waiting };
  useEffect(() => {
    // What came while the page was read is newer than it.
    const newest = page?.logs[0]?.time ?? 0;
    const known = new Set(page?.logs.map(keyOf));
    const isLeft = (line: EventView) =>
      latest.current.isWantedNow(line) && line.time >= newest && !known.has(keyOf(line));
    setAdded((lines) => lines.filter(isLeft));
    setWaiting((lines) => lines.filter(isLeft));
  }, [page]);
  useEffect(() => {
    if (!isOn) return undefined;
    let gathered: EventView[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const put = () => {
      timer = undefined;
      const lines = gathered;
      gathered = [];
      const isHeld = isReading() || latest.current.waiting.length > 0;
      (isHeld ? setWaiting : setAdded)((before) => merge(lines, before));
    };
    const end = followLines((line) => {
      if (!latest.current.isWantedNow(line)) return;
      gathered.unshift(line);
      timer ??= setTimeout(put, gatherMs);
    });
    return () => {
      end();
      clearTimeout(timer);
    };
  }, [isOn]);
  useEffect(() => {
    if (added.length > maxTail) void refresh();
  }, [added]);
  useEffect(() => {
    const show = () => {
      setWaiting([]);
      if (waiting.length > maxTail) void refresh();
      else setAdded((before) => merge(waiting, before));
    };
    hold(setWaiting, waiting.length === 0 ? undefined : { count: waiting.length, show });
    return () => hold(setWaiting, undefined);
  }, [waiting]);
  return isOn ? added : [];
}

/** The stream of the tab has every entry; this page shows those that match. */
function isWanted(line: EventView, filter: { url?: string; host?: string; state: string; label: string }): boolean {
  const { url, host, state, label } = filter;
  if (state !== '' && line.state !== state) return false;
  if (label !== '' && !label.split(',').some((one) => line.labels?.includes(one.trim()))) return false;
  if (url !== undefined && line.url !== url) return false;
  return (
    host === undefined ||
    (URL.canParse(line.url) && [new URL(line.url).host, new URL(line.url).hostname].includes(host.toLowerCase()))
  );
}
