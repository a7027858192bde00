import type { RefObject } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

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
  hint?: string | undefined;
}

/** An input with its label, and the fault of its value. */
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

export function Check({ label, isOn, onChange }: { label: string; isOn: boolean; onChange: (isOn: boolean) => void }) {
  const id = useId();
  return (
    <div class="check">
      <input id={id} type="checkbox" checked={isOn} onChange={(event) => onChange(event.currentTarget.checked)} />{' '}
      <label for={id}>{label}</label>
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

export function useFocus<T extends HTMLElement>(): RefObject<T | null> {
  const ref = useRef<T>(null);
  useEffect(() => ref.current?.focus(), []);
  return ref;
}
