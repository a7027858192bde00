import { createStore } from './store.ts';

// Only choices of the reader are stored, never anything of the server.
const read = (name: string) => localStorage.getItem(`posthorn.${name}`);
const write = (name: string, value: string) => localStorage.setItem(`posthorn.${name}`, value);

export type Theme = 'system' | 'light' | 'dark';
export const theme = createStore<Theme>((read('theme') as Theme | null) ?? 'system');
theme.follow((value) => {
  write('theme', value);
  if (value === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = value;
});

/** The zone of the browser, or another one that the reader has chosen. */
const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
export const timeZone = createStore(read('timeZone') ?? ownZone);
timeZone.follow((value) => write('timeZone', value));

export const hasShortcuts = createStore(read('shortcuts') !== 'off');
hasShortcuts.follow((value) => write('shortcuts', value ? 'on' : 'off'));

/** All time zones that the browser knows, first its own and `chosen`. */
export const listZones = (chosen: string): string[] => [
  ...new Set([ownZone, chosen, 'UTC', ...Intl.supportedValuesOf('timeZone')]),
];
