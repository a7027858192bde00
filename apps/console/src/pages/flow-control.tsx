import type { FlowControlKey } from '@posthorn/shared';
import { call, formatQuery } from '../api.ts';
import { stateMs, useResource } from '../data.ts';
import { useDraft } from '../drafts.ts';
import { formatDuration, formatNumber } from '../format.ts';
import { Link, segment } from '../router.tsx';
import { Button } from '../components/button.tsx';
import { Fact } from '../components/fact.tsx';
import { Fallback } from '../components/fallback.tsx';
import { Field } from '../components/field.tsx';
import { LiveSwitch } from '../components/live-switch.tsx';
import { Missing } from '../components/missing.tsx';
import { report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { PauseButton } from '../components/pause-button.tsx';
import { formatPaused, State } from '../components/state.tsx';
import { Table } from '../components/table.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { useSave } from '../components/use-save.ts';

const limit = (used: number, max: number) =>
  max > 0 ? `${formatNumber(used)} of ${formatNumber(max)}` : `${formatNumber(used)}, no limit`;
const pinned = (key: FlowControlKey) =>
  [key.isPinnedParallelism ? 'parallelism' : '', key.isPinnedRate ? 'rate' : ''].filter(Boolean).join(', ') || 'no';

/** A period such as `10m` in seconds, as the API takes it; any other text goes to the server, which reports the fault. */
function toSeconds(text: string): string {
  const [, amount, unit = 's'] = /^(\d{1,7})\s*([smhd])?$/.exec(text) ?? [];
  const seconds = { s: 1, m: 60, h: 3600, d: 86_400 }[unit];
  return amount === undefined || seconds === undefined ? text : String(Number(amount) * seconds);
}

export function FlowControl() {
  const canWrite = useCanWrite();
  const { data, error, refresh } = useResource<FlowControlKey[]>('/v2/flowControl', {
    isLive: true,
    everyMs: stateMs,
    rows: (keys) => keys.map(({ flowControlKey }) => flowControlKey),
  });
  return (
    <>
      <PageHead title="Flow control">
        <LiveSwitch />
      </PageHead>
      {data ? (
        <Table
          label="Flow-control keys"
          columns={[
            { title: 'Key' },
            { title: 'State' },
            { title: 'In flight', isNumber: true },
            { title: 'Rate used', isNumber: true },
            { title: 'Waiting', isNumber: true },
            { title: 'Pinned' },
            ...(canWrite ? [{ title: 'Actions', isHidden: true }] : []),
          ]}
          isEmpty={data.length === 0}
          empty={
            <>
              There is no flow-control key. One is known while messages name it: <Link to="/send">Publish one</Link> and
              name a key in its options.
            </>
          }
        >
          {data.map((key) => (
            <tr key={key.flowControlKey}>
              <td>
                <Link to={`/flow-control/${segment(key.flowControlKey)}`}>{key.flowControlKey}</Link>
              </td>
              <td>
                <State state={formatPaused(key.isPaused)} />
              </td>
              <td class="number">{limit(key.parallelismCount, key.parallelismMax)}</td>
              <td class="number">
                {limit(key.rateCount, key.rateMax)}
                {key.rateMax > 0 ? <small> in {formatDuration(key.ratePeriod * 1000)}</small> : null}
              </td>
              <td class="number">{formatNumber(key.waitListSize)}</td>
              <td>{pinned(key)}</td>
              {canWrite ? (
                <td>
                  <PauseButton
                    base="/v2/flowControl"
                    name={key.flowControlKey}
                    isPaused={key.isPaused}
                    refresh={refresh}
                  >
                    {key.flowControlKey}
                  </PauseButton>
                </td>
              ) : null}
            </tr>
          ))}
        </Table>
      ) : (
        <Fallback error={error} />
      )}
    </>
  );
}

export function FlowKey({ id }: { id: string }) {
  const canWrite = useCanWrite();
  const path = `/v2/flowControl/${segment(id)}`;
  const { data, error, refresh } = useResource<FlowControlKey>(path, { isLive: true, everyMs: stateMs });
  const limitsNow = {
    parallelism: data && data.parallelismMax > 0 ? String(data.parallelismMax) : '',
    rate: data && data.rateMax > 0 ? String(data.rateMax) : '',
    period: data && data.rateMax > 0 ? `${data.ratePeriod}s` : '',
  };
  const draft = useDraft(`/flow-control/${id}`, limitsNow);
  const form = draft.value;
  const { fault, save } = useSave();
  if (!data) {
    return (
      <Missing
        error={error}
        title={`Flow-control key ${id}`}
        what={`The flow-control key ${id}`}
        to="/flow-control"
        link="Look at all keys"
      />
    );
  }
  const act = (verb: string, query: string, done: string) =>
    save(async () => {
      await call(`${path}/${verb}${query}`, { method: 'POST', isRepeatable: true });
      report(done);
      await refresh();
      if (verb !== 'resetRate') draft.reset();
    });
  const noteOf = (name: keyof typeof form, hint?: string) =>
    draft.isTyped && toSeconds(form[name]) !== toSeconds(limitsNow[name]) ? 'not pinned yet' : hint;
  const faultOf = (name: string) => (fault?.startsWith(name) ? fault : undefined);
  return (
    <>
      <PageHead title={`Flow-control key ${id}`}>
        {canWrite ? (
          <>
            <PauseButton base="/v2/flowControl" name={id} isPaused={data.isPaused} refresh={refresh} />
            <button type="button" onClick={() => void act('resetRate', '', 'A new window begins now.')}>
              Reset rate
            </button>
          </>
        ) : null}
      </PageHead>
      <div class="now">
        <Fact name="State" value={formatPaused(data.isPaused)} />
        <Fact name="In flight" value={limit(data.parallelismCount, data.parallelismMax)} />
        <Fact name="Rate used" value={limit(data.rateCount, data.rateMax)} />
        <Fact name="Waiting" value={formatNumber(data.waitListSize)} />
        <Fact name="Pinned" value={pinned(data)} />
      </div>
      {canWrite ? (
        <form
          class="row short"
          aria-label="Limits"
          onSubmit={(event) => {
            event.preventDefault();
            void act(
              'pin',
              formatQuery({ ...form, period: toSeconds(form.period) }),
              'Pinned: limits in messages are ignored now.',
            );
          }}
        >
          <Field
            label="Parallelism"
            type="number"
            min={1}
            hint={noteOf('parallelism')}
            value={form.parallelism}
            fault={faultOf('parallelism')}
            onInput={(event) => draft.change({ parallelism: event.currentTarget.value })}
          />
          <Field
            label="Rate"
            type="number"
            min={1}
            hint={noteOf('rate')}
            value={form.rate}
            fault={faultOf('rate')}
            onInput={(event) => draft.change({ rate: event.currentTarget.value })}
          />
          <Field
            label="Period"
            placeholder="1s"
            hint={noteOf('period', '30s, 5m, 1h')}
            value={form.period}
            fault={faultOf('period')}
            onInput={(event) => draft.change({ period: event.currentTarget.value.trim() })}
          />
          <button type="submit">Pin</button>
          <Button
            isOff={pinned(data) === 'no'}
            onClick={() =>
              void act('unpin', '?parallelism=true&rate=true', 'Unpinned: the limits of the next message apply.')
            }
          >
            Unpin
          </Button>
        </form>
      ) : null}
      {fault && !['parallelism', 'rate', 'period'].some((name) => faultOf(name)) ? (
        <p role="alert" class="fault">
          {fault}
        </p>
      ) : null}
      <p>
        <Link to={`/messages${formatQuery({ key: id })}`}>Messages with this key</Link>
      </p>
    </>
  );
}
