import type { ComponentChildren } from 'preact';
import { setQuery, useLocation } from '../router.tsx';
import { Button } from './button.tsx';
import { Field, Select } from './field.tsx';
import { messageStates } from './state.tsx';
import { useTyped } from './use-typed.ts';

/** The filters of a list: its destination and label, and what the list has before and after them. */
export function Filters({
  names,
  before,
  children,
}: {
  /** Parameters of the address that "Clear filters" removes. */
  names: readonly string[];
  before?: ComponentChildren;
  children?: ComponentChildren;
}) {
  const { query } = useLocation();
  const [destination, setDestination] = useTyped('destination');
  const [label, setLabel] = useTyped('label');
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      {before}
      <Field
        label="Destination"
        placeholder="host or URL"
        value={destination}
        onInput={(event) => setDestination(event.currentTarget.value)}
      />
      <Field label="Label" value={label} onInput={(event) => setLabel(event.currentTarget.value)} />
      {children}
      <Button
        isOff={!names.some((name) => query.get(name))}
        onClick={() => setQuery(Object.fromEntries(names.map((name) => [name, undefined])))}
      >
        Clear filters
      </Button>
    </form>
  );
}

/** The filter by the state of a message. */
export function StateFilter() {
  const { query } = useLocation();
  return (
    <Select
      label="State"
      value={query.get('state') ?? ''}
      onValue={(state) => setQuery({ state })}
      options={[['', 'Any'], ...messageStates.map((state) => [state, state] as const)]}
    />
  );
}
