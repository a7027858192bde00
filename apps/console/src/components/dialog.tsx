import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

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
