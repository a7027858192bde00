import type { Limits as ServerLimits, SigningKeys } from '@posthorn/shared';
import { useState } from 'preact/hooks';
import { call, session } from '../api.ts';
import { useResource } from '../data.ts';
import { formatBytes, formatDuration, formatNumber } from '../format.ts';
import { chosenZone, hasShortcuts, readZone, theme, type Theme } from '../settings.ts';
import { useStore } from '../store.ts';
import { confirm } from '../components/confirmation.tsx';
import { Fallback } from '../components/fallback.tsx';
import { Check } from '../components/field.tsx';
import { complain, report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { Pairs } from '../components/pairs.tsx';
import { Table } from '../components/table.tsx';
import { Time } from '../components/time.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { ZoneSelect } from '../components/zone-select.tsx';

const themes: readonly (readonly [Theme, string])[] = [
  ['system', 'System'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

export function Settings() {
  const chosen = useStore(theme);
  useStore(chosenZone);
  const shortcuts = useStore(hasShortcuts);
  const known = useStore(session);
  const canWrite = useCanWrite();
  return (
    <>
      <PageHead title="Settings" />
      <div role="radiogroup" aria-label="Theme" class="radios">
        <span aria-hidden="true">Theme</span>
        {themes.map(([value, title]) => (
          <label>
            <input
              type="radio"
              name="theme"
              value={value}
              checked={chosen === value}
              onChange={() => theme.set(value)}
            />{' '}
            {title}
          </label>
        ))}
      </div>
      <ZoneSelect value={readZone()} onValue={(value) => chosenZone.set(value)} />
      <Check label="Single-key shortcuts" isOn={shortcuts} onChange={(isOn) => hasShortcuts.set(isOn)} />
      {canWrite ? <Keys /> : null}
      <Limits />
      <h2>About</h2>
      <Pairs
        label="About"
        pairs={[
          ['Version', known?.version ?? ''],
          ['This session', known?.scope === 'write' ? 'may read and write' : 'may only read'],
          ...(known ? [['It ends', <Time at={known.expiresAt} />] as const] : []),
          ['API', <a href="/openapi.json">OpenAPI document</a>],
        ]}
      />
    </>
  );
}

const formatLimit = (value: number) => (value === 0 ? 'no limit' : formatNumber(value));

/** What each limit of the server is called, and how its value is written. */
const limitRows: readonly (readonly [keyof ServerLimits, string, (value: number) => string])[] = [
  ['maxMessageBytes', 'Body of a message', formatBytes],
  ['maxBatchBytes', 'Body of a batch', formatBytes],
  ['maxBatchItems', 'Items of a batch', formatNumber],
  ['maxLabels', 'Labels of a message', formatNumber],
  ['maxDelayMs', 'Delay', formatDuration],
  ['dedupWindowMs', 'Deduplication id, remembered for', formatDuration],
  ['defaultRetries', 'Retries, by default', formatNumber],
  ['maxRetries', 'Retries, at most', formatNumber],
  ['maxRetryDelayMs', 'Wait before a retry', formatDuration],
  ['defaultTimeoutMs', 'Timeout of an attempt, by default', formatDuration],
  ['maxTimeoutMs', 'Timeout of an attempt, at most', formatDuration],
  ['maxResponseBytes', 'Response, read at most', formatBytes],
  ['maxQueues', 'Queues', formatNumber],
  ['maxQueueParallelism', 'Parallelism of a queue', formatNumber],
  ['maxSchedules', 'Schedules', formatNumber],
  ['maxUrlGroups', 'URL groups', formatNumber],
  ['maxEndpointsPerGroup', 'Endpoints of a URL group', formatNumber],
  ['maxHeldFlowControlKeys', 'Flow-control keys that are paused or pinned', formatNumber],
  ['burstRateLimit', 'Requests in a second that publish nothing', formatLimit],
  ['logRetentionMs', 'Log, kept for', formatDuration],
  ['maxLogLines', 'Entries of the log', formatLimit],
  ['dlqRetentionMs', 'Dead letters, kept for', formatDuration],
];

/** The API names each limit after its environment variable. */
const toVariable = (name: string) =>
  name
    .replace(/Ms$/, 'Seconds')
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .toUpperCase();

function Limits() {
  const { data, error } = useResource<ServerLimits>('/v2/limits');
  return (
    <>
      <h2>Limits of the server</h2>
      {data ? (
        <Table
          label="Limits"
          columns={[{ title: 'Limit' }, { title: 'Value', isNumber: true }, { title: 'Environment variable' }]}
        >
          {limitRows.map(([name, title, format]) => (
            <tr key={name}>
              <td>{title}</td>
              <td class="number">{format(data[name])}</td>
              <td>
                <code>{toVariable(name)}</code>
              </td>
            </tr>
          ))}
        </Table>
      ) : (
        <Fallback error={error} />
      )}
    </>
  );
}

function Keys() {
  const [keys, setKeys] = useState<SigningKeys>();
  const show = async () => {
    try {
      setKeys(await call<SigningKeys>('/v2/keys'));
    } catch (error) {
      complain(error);
    }
  };
  const rotate = () =>
    confirm({
      title: 'Rotate the signing keys?',
      text: 'The next key becomes the current one, and 1 key, the current one, stops to count. Receivers that do not know the next key will refuse deliveries.',
      verb: 'Rotate',
      async act() {
        setKeys(await call<SigningKeys>('/v2/keys/rotate', { method: 'POST' }));
        report('Rotated the keys; give the new next key to your receivers.');
      },
    });
  return (
    <section aria-label="Signing keys">
      <h2>Signing keys</h2>
      <div class="actions">
        <button type="button" onClick={() => (keys ? setKeys(undefined) : void show())}>
          {keys ? 'Hide keys' : 'Show keys'}
        </button>
        <button type="button" onClick={rotate}>
          Rotate keys
        </button>
      </div>
      {keys ? (
        <Pairs
          label="Keys"
          pairs={[
            ['QSTASH_CURRENT_SIGNING_KEY', <code>{keys.current}</code>],
            ['QSTASH_NEXT_SIGNING_KEY', <code>{keys.next}</code>],
          ]}
        />
      ) : null}
    </section>
  );
}
