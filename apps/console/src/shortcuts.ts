import { session } from './api.ts';
import { refreshAll } from './data.ts';
import { navigate } from './router.tsx';
import { hasShortcuts } from './settings.ts';
import { createStore } from './store.ts';

/** The dialog that is open. */
export const openDialog = createStore<'commands' | 'shortcuts' | undefined>(undefined);

/** Pages by the key that follows `g`. */
export const pageKeys: Record<string, { title: string; to: string }> = {
  o: { title: 'Overview', to: '/' },
  m: { title: 'Messages', to: '/messages' },
  d: { title: 'Dead letters', to: '/dead-letters' },
  q: { title: 'Queues', to: '/queues' },
  u: { title: 'URL groups', to: '/groups' },
  s: { title: 'Schedules', to: '/schedules' },
  f: { title: 'Flow control', to: '/flow-control' },
  l: { title: 'Log', to: '/log' },
};

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement &&
  target.closest('input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]') !== null;

/** What of a row gets the focus: its link, or else its button. */
const findTarget = (row: Element | undefined) =>
  row?.querySelector<HTMLElement>('a') ?? row?.querySelector<HTMLElement>('button');

function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll('main table tbody tr')].filter(findTarget);
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  findTarget(rows[here < 0 ? (step > 0 ? 0 : rows.length - 1) : here + step])?.focus();
}

let isAfterG = false;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Keyboard shortcuts of every page. Single keys do nothing while the user types, and can be switched off. */
export function startShortcuts(): void {
  session.follow((now) => {
    if (!now) openDialog.set(undefined);
  });
  document.addEventListener('keydown', (event) => {
    // Nothing that a key opens may wait behind the sign-in page.
    if (!session.get()) return;
    const { key } = event;
    if ((event.ctrlKey || event.metaKey) && key.toLowerCase() === 'k') {
      event.preventDefault();
      if (!document.querySelector('dialog[open]')) openDialog.set('commands');
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector('dialog[open]') || !hasShortcuts.get()) return;
    const actions: Record<string, () => void> = {
      '/': () => document.querySelector<HTMLElement>('#find')?.focus(),
      '?': () => openDialog.set('shortcuts'),
      c: () => navigate('/send'),
      r: refreshAll,
      j: () => moveRow(1),
      k: () => moveRow(-1),
      x: () => document.activeElement?.closest('tr')?.querySelector<HTMLElement>('input[type=checkbox]')?.click(),
    };
    const page = isAfterG ? pageKeys[key] : undefined;
    isAfterG = false;
    clearTimeout(timer);
    if (page) {
      event.preventDefault();
      navigate(page.to);
      return;
    }
    if (key === 'g') {
      isAfterG = true;
      timer = setTimeout(() => (isAfterG = false), 1500);
      return;
    }
    const act = actions[key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
