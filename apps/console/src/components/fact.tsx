import type { ComponentChildren } from 'preact';

/** A figure with its name. */
export function Fact({ name, value }: { name: string; value: ComponentChildren }) {
  return (
    <div class="figure">
      <span>{name}</span> <b>{value}</b>
    </div>
  );
}
