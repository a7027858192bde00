import { useId } from 'preact/hooks';
import { formatCurl, formatPython, formatTypeScript, type SendOptions } from '../request.ts';
import { setQuery, useLocation } from '../router.tsx';
import { copy } from './copy.ts';

const languages = [
  ['curl', formatCurl],
  ['TypeScript', formatTypeScript],
  ['Python', formatPython],
] as const;

/** Characters that are shown. */
const maxShown = 20_000;

/** How far a key moves in the tabs; the ends are 0 and the last. */
const steps: Record<string, (at: number) => number> = {
  ArrowRight: (at) => (at + 1) % languages.length,
  ArrowLeft: (at) => (at + languages.length - 1) % languages.length,
  Home: () => 0,
  End: () => languages.length - 1,
};

/** The request as code. The language that is shown is in the address. */
export function Code({ options }: { options: SendOptions }) {
  const { query } = useLocation();
  const chosen = Math.max(
    0,
    languages.findIndex(([name]) => name === query.get('tab')),
  );
  const id = useId();
  const [name, write] = languages[chosen] ?? languages[0];
  // A body can have millions of characters, and every key press writes it again.
  const text = write({ ...options, body: options.body.slice(0, maxShown) });
  const isCut = text.length > maxShown || options.body.length > maxShown;
  const choose = (index: number) => setQuery({ tab: languages[index]?.[0] });
  return (
    <section aria-label="The same as code">
      <h2>The same as code</h2>
      <div
        role="tablist"
        aria-label="Language"
        class="tabs"
        onKeyDown={(event) => {
          const next = steps[event.key]?.(chosen);
          if (next === undefined) return;
          event.preventDefault();
          choose(next);
          event.currentTarget.querySelectorAll('button')[next]?.focus();
        }}
      >
        {languages.map(([language], index) => (
          <button
            key={language}
            type="button"
            role="tab"
            id={`${id}-${index}`}
            aria-selected={index === chosen}
            aria-controls={`${id}-panel`}
            tabIndex={index === chosen ? 0 : -1}
            onClick={() => choose(index)}
          >
            {language}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen}`} tabIndex={0}>
        <pre>{text.slice(0, maxShown)}</pre>
        {isCut ? <p class="muted">Only the beginning is shown; "Copy code" copies all of it.</p> : null}
      </div>
      <button type="button" onClick={() => void copy(write(options), `the request for ${name}`)}>
        Copy code
      </button>
    </section>
  );
}
