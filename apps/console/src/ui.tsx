import type { ComponentChildren, JSX, RefObject } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { ApiError, serverNow, session } from './api.ts';
import { isLive } from './live.ts';
import { formatDistance, formatInstant } from './format.ts';
import { timeZone } from './settings.ts';
import { createStore, useStore } from './store.ts';

/** What the console says about an action: announced once. */
export const notice = createStore<{ kind: 'status' | 'alert'; content: ComponentChildren } | undefined>(undefined);

export const report = (content: ComponentChildren): void => notice.set({ kind: 'status', content });
export const complain = (error: unknown): void => {
  // The sign-in page and the alert about the connection say it already.
  if (error instanceof ApiError && (error.status === 401 || error.status === 0)) return;
  notice.set({ kind: 'alert', content: error instanceof Error ? error.message : String(error) });
};

export const useCanWrite = (): boolean => useStore(session)?.scope === 'write';

const clock = createStore(0);
setInterval(() => {
  if (document.visibilityState === 'visible') clock.set(clock.get() + 1);
}, 1000);

/** An instant: exact, in the zone of the reader, and how far away it is. */
export function Time({ at, isShort = false }: { at: number; isShort?: boolean }) {
  useStore(clock);
  const zone = useStore(timeZone);
  const now = serverNow();
  const exact = formatInstant(at, now, zone);
  const title = `${new Date(at).toISOString()} (${zone})`;
  return (
    <time dateTime={new Date(at).toISOString()} title={title}>
      {isShort ? formatDistance(at, now) : exact} {!isShort && <small>{formatDistance(at, now)}</small>}
    </time>
  );
}

const tones: Record<string, string> = {
  DELIVERED: 'good',
  FAILED: 'bad',
  ERROR: 'warn',
  RETRY: 'warn',
  CANCELED: 'still',
  CANCEL_REQUESTED: 'still',
};

/** A state, always as text; the colour only helps. */
export function State({ state, status }: { state: string; status?: number | undefined }) {
  return (
    <span class={`state ${tones[state] ?? 'neutral'}`}>
      {state}
      {status === undefined || status === 0 ? '' : ` ${status}`}
    </span>
  );
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · posthorn`;
  }, [title]);
}

/** The heading of a page, which is also its title, with its actions beside it. */
export function PageHead({ title, children }: { title: string; children?: ComponentChildren }) {
  useTitle(title);
  return (
    <div class="page-head">
      <h1 tabIndex={-1}>{title}</h1>
      {children === undefined ? null : <div class="actions">{children}</div>}
    </div>
  );
}

export function LiveSwitch() {
  const live = useStore(isLive);
  return (
    <button type="button" role="switch" class="switch" aria-checked={live} onClick={() => isLive.set(!live)}>
      <i aria-hidden="true" />
      Live
    </button>
  );
}

/** Whether the reader would lose their place if rows moved: they have scrolled, are in a row, or have selected text. */
export function isReading(): boolean {
  const inRow = document.activeElement?.closest('tbody tr, li.line') !== null && document.activeElement !== null;
  return scrollY > 40 || inRow || getSelection()?.isCollapsed === false;
}

/** Columns of a table; those that are no text have a class for their alignment. */
export interface Column {
  title: string;
  isNumber?: boolean;
  /** A heading that only screen readers need. */
  isHidden?: boolean;
}

export interface TableProps {
  label: string;
  columns: readonly Column[];
  children: ComponentChildren;
  /** Shown in place of rows. */
  empty?: ComponentChildren;
  isEmpty?: boolean;
}

export function Table({ label, columns, children, empty, isEmpty = false }: TableProps) {
  return (
    // A table without links has nothing that could be focused to scroll it by the keyboard.
    <div class="scroll" {...(isEmpty ? { tabIndex: 0, role: 'group', 'aria-label': label } : {})}>
      <table aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ title, isNumber, isHidden }) => (
              <th scope="col" class={isNumber ? 'number' : ''}>
                {isHidden ? <span class="hidden">{title}</span> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {isEmpty ? (
            <tr class="empty">
              <td colSpan={columns.length}>{empty}</td>
            </tr>
          ) : (
            children
          )}
        </tbody>
      </table>
    </div>
  );
}

export interface FieldProps {
  label: string;
  value: string;
  onInput: (event: { currentTarget: HTMLInputElement }) => void;
  type?: 'text' | 'number';
  min?: number;
  placeholder?: string;
  required?: boolean;
  autocomplete?: string;
  /** It has the focus when its dialog opens. */
  'data-focus'?: boolean;
  /** What the server says about it. */
  fault?: string | undefined;
  hint?: string;
}

/** An input with its name, and what is wrong with it. */
export function Field({ label, fault, hint, type = 'text', min, ...input }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}-hint` : '', fault ? `${id}-fault` : ''].filter(Boolean).join(' ');
  const common = {
    ...input,
    id,
    ...(fault ? { 'aria-invalid': 'true' as const } : {}),
    ...(described ? { 'aria-describedby': described } : {}),
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {type === 'number' ? <input {...common} type="number" min={min} /> : <input {...common} type="text" />}
      {hint ? (
        <small id={`${id}-hint`} class="hint">
          {hint}
        </small>
      ) : null}
      {fault ? (
        <p id={`${id}-fault`} class="fault" role="alert">
          {fault}
        </p>
      ) : null}
    </div>
  );
}

export function Select({
  label,
  options,
  value,
  onValue,
}: {
  label: string;
  options: readonly (readonly [value: string, text: string])[];
  value: string;
  onValue: (value: string) => void;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
        {options.map(([one, text]) => (
          <option value={one}>{text}</option>
        ))}
      </select>
    </div>
  );
}

/** A native dialog that is open as long as it is rendered. */
export function Dialog({
  label,
  role,
  onClose,
  children,
}: {
  label: string;
  role?: 'alertdialog';
  onClose: () => void;
  children: ComponentChildren;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    ref.current?.showModal();
    ref.current?.querySelector<HTMLElement>('[data-focus]')?.focus();
    return () => before?.focus();
  }, []);
  return (
    <dialog
      ref={ref}
      {...(role ? { role } : {})}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === ref.current) onClose();
      }}
    >
      <div class="dialog-body">{children}</div>
    </dialog>
  );
}

interface Question {
  title: string;
  text: ComponentChildren;
  /** The verb on the button. */
  verb: string;
  /** What must be typed first. */
  typed?: string;
  act: () => void | Promise<void>;
}

export const question = createStore<Question | undefined>(undefined);
/** Asks before something that cannot be undone, or that means many. */
export const confirm = (asked: Question): void => question.set(asked);

export function Confirmation() {
  const asked = useStore(question);
  const [text, setText] = useState('');
  useEffect(() => setText(''), [asked]);
  if (!asked) return null;
  const { title, verb, typed, act } = asked;
  const close = () => question.set(undefined);
  const isReady = typed === undefined || text === typed;
  return (
    <Dialog label={title} role="alertdialog" onClose={close}>
      <h2>{title}</h2>
      <p>{asked.text}</p>
      {typed === undefined ? null : (
        <Field
          label={`Type ${typed} to confirm`}
          value={text}
          autocomplete="off"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      )}
      <div class="actions end">
        <button type="button" data-focus onClick={close}>
          Keep
        </button>
        <button
          type="button"
          class="danger"
          disabled={!isReady}
          onClick={() => {
            close();
            void Promise.resolve(act()).catch(complain);
          }}
        >
          {verb}
        </button>
      </div>
    </Dialog>
  );
}

/** What a page shows while it has nothing: it is being read, it was refused, or it is not there. */
export function Fallback({ error, what }: { error: ApiError | undefined; what: ComponentChildren }) {
  if (!error) return <p class="muted">Loading…</p>;
  if (error.status === 404) return what as JSX.Element;
  if (error.status === 0 || error.status === 401) return <p class="muted">Waiting for the server…</p>;
  return (
    <p class="fault" role="alert">
      {error.message}
    </p>
  );
}

/** Name and value pairs, such as headers. */
export function Pairs({ label, pairs }: { label: string; pairs: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="pairs" aria-label={label}>
      {pairs.map(([name, value]) => (
        <div>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function useFocus<T extends HTMLElement>(): RefObject<T | null> {
  const ref = useRef<T>(null);
  useEffect(() => ref.current?.focus(), []);
  return ref;
}

/** Copies a text and says so. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    report(`Copied ${what}.`);
  } catch {
    complain(new Error('The browser does not allow copying; use HTTPS or localhost.'));
  }
}
