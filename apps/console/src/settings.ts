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

/** The zone that the reader has chosen; `null` for that of the browser. */
export const chosenZone = createStore(read('timeZone'));
chosenZone.follow((value) => value !== null && write('timeZone', value));

let ownZone: string | undefined;
/** The name of the zone of the browser. It loads the texts of all languages, so that no page may need it to be drawn. */
const readOwnZone = (): string => (ownZone ??= Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC');

/** The name of the zone in which times are shown. */
export const readZone = (): string => chosenZone.get() ?? readOwnZone();

export const hasShortcuts = createStore(read('shortcuts') !== 'off');
hasShortcuts.follow((value) => write('shortcuts', value ? 'on' : 'off'));

/** All time zones that the browser knows, first its own and `chosen`. */
export const listZones = (chosen: string): string[] => [
  ...new Set([readOwnZone(), chosen, 'UTC', ...Intl.supportedValuesOf('timeZone')]),
];
