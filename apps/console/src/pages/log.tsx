import type { EventView } from '@posthorn/shared';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatQuery } from '../api.ts';
import { useResource } from '../data.ts';
import { parseDestination } from '../destination.ts';
import { followLines, isLive } from '../live.ts';
import { Link, segment, setQuery, usePlace } from '../router.tsx';
import { useStore } from '../store.ts';
import { Fallback } from '../components/fallback.tsx';
import { Field, Select } from '../components/field.tsx';
import { isReading, LiveSwitch } from '../components/live-switch.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Pager } from '../components/pager.tsx';
import { messageStates, State } from '../components/state.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { useTyped } from '../components/use-typed.ts';

const pageSize = 100;
/** New entries that wait to be shown; of more only the last are kept. */
const maxWaiting = 1000;

interface Page {
  logs: EventView[];
  cursor?: string;
}

export function Log() {
  const { query } = usePlace();
  const get = (name: string) => query.get(name) ?? '';
  const [destination, setDestination] = useTyped('destination');
  const [label, setLabel] = useTyped('label');
  const live = useStore(isLive);
  const cursor = get('cursor');
  const filter = { ...parseDestination(get('destination')), state: get('state'), label: get('label') };
  const path = `/v2/logs${formatQuery({ ...filter, cursor, count: pageSize, trimBody: 0 })}`;
  const { data, error } = useResource<Page>(path);
  const [added, setAdded] = useState<EventView[]>([]);
  const [held, setHeld] = useState<EventView[]>([]);
  const wanted = useRef(filter);
  wanted.current = filter;
  useEffect(() => {
    setAdded([]);
    setHeld([]);
  }, [data]);
  useEffect(() => {
    if (!live || cursor !== '') return undefined;
    return followLines((line) => {
      if (!isWanted(line, wanted.current)) return;
      const put = (lines: EventView[]) => [line, ...lines].slice(0, maxWaiting);
      if (isReading()) setHeld(put);
      else setAdded((lines) => put(lines).slice(0, pageSize));
    });
  }, [live, cursor]);
  const known = new Set((data?.logs ?? []).map(keyOf));
  const fresh = added.filter((line) => !known.has(keyOf(line)));
  const lines = [...fresh, ...(data?.logs ?? [])].slice(0, pageSize + fresh.length);
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
      </form>
      {held.length > 0 ? (
        <p>
          <button
            type="button"
            class="primary"
            onClick={() => {
              setAdded([...held, ...added].slice(0, pageSize));
              setHeld([]);
            }}
          >
            Show {held.length} new
          </button>
        </p>
      ) : null}
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
          empty={
            <>
              The log is empty. Every step of a message appears here: <Link to="/send">send a message</Link>.
            </>
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
              <td class="url">{line.url}</td>
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
