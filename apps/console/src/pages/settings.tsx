import type { SigningKeys } from '@posthorn/shared';
import { useState } from 'preact/hooks';
import { call, rateLimit, session } from '../api.ts';
import { hasShortcuts, theme, timeZone, zones, type Theme } from '../settings.ts';
import { useStore } from '../store.ts';
import { confirm } from '../components/confirmation.tsx';
import { Check, Select } from '../components/field.tsx';
import { complain, report } from '../components/notice.ts';
import { PageHead } from '../components/page-head.tsx';
import { Pairs } from '../components/pairs.tsx';
import { Time } from '../components/time.tsx';
import { useCanWrite } from '../components/use-can-write.ts';

const themes: readonly (readonly [Theme, string])[] = [
  ['system', 'System'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

export function Settings() {
  const chosen = useStore(theme);
  const zone = useStore(timeZone);
  const shortcuts = useStore(hasShortcuts);
  const known = useStore(session);
  const limit = useStore(rateLimit);
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
      <Select
        label="Time zone"
        value={zone}
        onValue={(value) => timeZone.set(value)}
        options={zones.map((one) => [one, one])}
      />
      <Check label="Single-key shortcuts" isOn={shortcuts} onChange={(isOn) => hasShortcuts.set(isOn)} />
      {canWrite ? <Keys /> : null}
      <h2>About</h2>
      <Pairs
        label="About"
        pairs={[
          ['Version', known?.version ?? ''],
          ['This session', known?.scope === 'write' ? 'may read and write' : 'may only read'],
          ...(known ? [['It ends', <Time at={known.expiresAt} />] as const] : []),
          ...(limit === undefined ? [] : [['Requests in a second', `at most ${limit} (BURST_RATE_LIMIT)`] as const]),
          ['API', <a href="/openapi.json">OpenAPI document</a>],
        ]}
      />
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
