import { useState } from 'preact/hooks';

/** What was typed into forms: it stays when the session ends in between, and when the reader looks at another page. */
const drafts = new Map<string, object>();

/** After a sign-out nothing of the session stays. */
export const forgetDrafts = (): void => drafts.clear();

export const hasDrafts = (): boolean => drafts.size > 0;

export interface Draft<T> {
  value: T;
  /** Whether it has what was typed, now or at an earlier visit. */
  isTyped: boolean;
  change(changes: Partial<T>): void;
  /** After success: the form keeps what it shows, and does not restore it later, unless it has changed since. */
  forget(): void;
  /** After success: the form is as it was given, unless it has changed since. */
  reset(): void;
}

/** The contents of a form: what it is given, until something is typed. */
export function useDraft<T extends object>(key: string, given: T): Draft<T> {
  const [typed, setTyped] = useState(() => ({ key, value: drafts.get(key) as T | undefined }));
  const kept = typed.key === key ? typed.value : (drafts.get(key) as T | undefined);
  const value = kept ?? given;
  return {
    value,
    isTyped: kept !== undefined,
    change(changes) {
      // Two changes may come before the next render.
      const next = { ...((drafts.get(key) as T | undefined) ?? value), ...changes };
      drafts.set(key, next);
      setTyped({ key, value: next });
    },
    forget() {
      if (drafts.get(key) !== kept) return;
      drafts.delete(key);
      setTyped({ key, value });
    },
    reset() {
      if (drafts.get(key) !== kept) return;
      drafts.delete(key);
      setTyped({ key, value: undefined });
    },
  };
}
