import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { session, signOut } from './api.ts';
import { forgetAll, refreshAll } from './data.ts';
import { forgetDrafts } from './drafts.ts';
import { Find } from './find.tsx';
import { findRoot, Frame, pages } from './frame.tsx';
import { untilIdle } from './idle.ts';
import { Link, navigate, currentLocation, useLocation } from './router.tsx';
import { openDialog, pageKeys } from './shortcuts.ts';
import { chosenZone, readZone } from './settings.ts';
import { useStore } from './store.ts';
import { Confirmation, question } from './components/confirmation.tsx';
import { Dialog } from './components/dialog.tsx';
import { focusNextHeading } from './components/focus.ts';
import { complain, notice } from './components/notice.ts';
import { Notices } from './components/notices.tsx';
import { ShowNew } from './components/show-new.tsx';

let shownPath = currentLocation.get().path;
// What was said about a page goes with it; what an action says after it has opened another page stays.
currentLocation.follow(({ path }) => {
  if (path === shownPath) return;
  shownPath = path;
  // A question is about the page that asks it.
  question.set(undefined);
  openDialog.set(undefined);
  // Why a sign-in is needed is said there.
  if (path !== '/sign-in') notice.set(undefined);
});

async function leave(): Promise<void> {
  try {
    await signOut();
    forgetAll();
    forgetDrafts();
    navigate('/sign-in');
  } catch (error) {
    complain(error);
  }
}

/** What every page of a session has around it. */
export function Shell({ children }: { children: ComponentChildren }) {
  const { path } = useLocation();
  const scope = useStore(session)?.scope;
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    // A screen reader announces the new page; the first tab stop of a page that was just loaded stays the first.
    if (!isFirst.current) focusNextHeading(main.current?.querySelector<HTMLElement>('h1'));
    isFirst.current = false;
    // On a narrow screen the navigation scrolls sideways.
    document.querySelector('nav a[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [path]);
  return (
    <>
      <Frame
        root={findRoot(path)}
        main={main}
        banner={
          <>
            <Find />
            <div class="banner-actions">
              {scope === 'read' ? <span class="read-only">Read-only</span> : null}
              <Link to="/send" class="button primary">
                Send a message
              </Link>
              <button type="button" onClick={() => openDialog.set('commands')}>
                Commands
              </button>
              <button type="button" onClick={refreshAll}>
                Refresh
              </button>
              <button type="button" onClick={() => void leave()}>
                Sign out
              </button>
            </div>
          </>
        }
      >
        <ShowNew />
        {children}
        <Zone />
      </Frame>
      <Notices />
      <Confirmation />
      <Dialogs />
    </>
  );
}

/** The zone of all times. Its name takes long to read, so that it follows when the page is drawn. */
function Zone() {
  const chosen = useStore(chosenZone);
  const [zone, setZone] = useState(chosen);
  useEffect(() => void untilIdle().then(() => setZone(readZone())), [chosen]);
  return <p class="zone">{zone === null ? '\u00a0' : `Times in ${zone}`}</p>;
}

function Dialogs() {
  const open = useStore(openDialog);
  const close = () => openDialog.set(undefined);
  if (open === 'commands') return <Commands onClose={close} />;
  if (open === 'shortcuts') return <Shortcuts onClose={close} />;
  return null;
}

interface Command {
  title: string;
  act: () => void;
}

function Commands({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const commands: Command[] = [
    ...pages.map(([title, to]) => ({ title: `Go to ${title}`, act: () => navigate(to) })),
    { title: 'Send a new message', act: () => navigate('/send') },
    { title: 'Create a schedule', act: () => navigate('/schedules/new') },
    { title: 'Refresh this page', act: refreshAll },
    { title: 'Show keyboard shortcuts', act: () => openDialog.set('shortcuts') },
    { title: 'End this session', act: () => void leave() },
  ];
  const found = commands.filter(({ title }) => title.toLowerCase().includes(text.trim().toLowerCase()));
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.act();
  };
  return (
    <Dialog label="Commands" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          run(found[0]);
        }}
      >
        <input
          data-focus
          aria-label="Command"
          placeholder="Type a page or an action"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'ArrowDown') return;
            event.preventDefault();
            list.current?.querySelector('button')?.focus();
          }}
        />
      </form>
      <div
        class="commands"
        ref={list}
        onKeyDown={(event) => {
          const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
          if (step === 0) return;
          event.preventDefault();
          const buttons = [...(list.current?.querySelectorAll('button') ?? [])];
          buttons[buttons.indexOf(document.activeElement as HTMLButtonElement) + step]?.focus();
        }}
      >
        {found.map((command) => (
          <button type="button" onClick={() => run(command)}>
            {command.title}
          </button>
        ))}
        {found.length === 0 ? <p class="muted">No command is called so.</p> : null}
      </div>
    </Dialog>
  );
}

const keys: readonly (readonly [string, string])[] = [
  ['/', 'Find'],
  ['Ctrl+K or Cmd+K', 'Commands'],
  ['?', 'Keyboard shortcuts'],
  ...Object.entries(pageKeys).map(([key, { title }]) => [`g then ${key}`, title] as const),
  ['c', 'Send a message'],
  ['j and k', 'Next and previous row'],
  ['Enter', 'Open the row'],
  ['x', 'Select the row'],
  ['r', 'Refresh'],
  ['Escape', 'Close'],
];

function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog label="Keyboard shortcuts" onClose={onClose}>
      <h2>Keyboard shortcuts</h2>
      <dl class="keys">
        {keys.map(([key, what]) => (
          <div>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="muted">Single keys can be switched off in the settings.</p>
      <div class="actions end">
        <button type="button" data-focus onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
