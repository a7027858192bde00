import type { ComponentChildren } from 'preact';

/** A button that can be off. Unlike one that is disabled it keeps the focus meanwhile. */
export function Button({
  isOff,
  onClick,
  type = 'button',
  ...rest
}: {
  isOff: boolean;
  onClick?: () => void;
  type?: 'button' | 'submit';
  class?: string;
  children?: ComponentChildren;
}) {
  return (
    <button
      {...rest}
      type={type}
      {...(isOff ? { 'aria-disabled': 'true' as const } : {})}
      onClick={(event) => {
        if (isOff) event.preventDefault();
        else onClick?.();
      }}
    />
  );
}
