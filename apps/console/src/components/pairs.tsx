import type { ComponentChildren } from 'preact';

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
