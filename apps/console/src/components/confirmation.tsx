import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { createStore, useStore } from '../store.ts';
import { Dialog } from './dialog.tsx';
import { Field } from './field.tsx';
import { complain } from './notice.ts';

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
