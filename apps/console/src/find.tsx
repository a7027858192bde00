import type { FindHit } from '@posthorn/shared';
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, formatQuery } from './api.ts';
import { formatCount } from './format.ts';
import { Link, navigate, segment } from './router.tsx';
import { focusPlace } from './components/focus.ts';
import { complain, report } from './components/notice.ts';

const kinds: Record<FindHit['kind'], { title: string; to: (id: string) => string }> = {
  message: { title: 'Message', to: (id) => `/messages/${segment(id)}` },
  deadLetter: { title: 'Dead letter', to: (id) => `/dead-letters/${segment(id)}` },
  queue: { title: 'Queue', to: (id) => `/queues/${segment(id)}` },
  urlGroup: { title: 'URL group', to: (id) => `/groups/${segment(id)}` },
  schedule: { title: 'Schedule', to: (id) => `/schedules/${segment(id)}` },
  flowControlKey: { title: 'Flow-control key', to: (id) => `/flow-control/${segment(id)}` },
  host: { title: 'Destination', to: (id) => `/destinations/${segment(id)}` },
  label: { title: 'Messages with label', to: (id) => `/messages${formatQuery({ label: id })}` },
  url: { title: 'Messages to', to: (id) => `/messages${formatQuery({ destination: id })}` },
};

const search = async (text: string) => (await call<{ hits: FindHit[] }>(`/v2/find${formatQuery({ q: text })}`)).hits;

const isMessageId = (text: string) => /^msg_\w+$/.test(text);

/** Finds ids, URLs, hosts, labels and names. Enter opens what is called so, and else goes to the suggestions. */
export function Find() {
  const [text, setText] = useState('');
  const [hits, setHits] = useState<FindHit[]>([]);
  const [isOpen, setIsOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef('');

  const close = () => {
    setHits([]);
    setText('');
    latest.current = '';
  };
  useEffect(() => {
    const wanted = text.trim();
    latest.current = wanted;
    if (wanted === '') {
      setHits([]);
      return undefined;
    }
    const timer = setTimeout(() => {
      search(wanted).then(
        (found) => {
          if (latest.current === wanted) setHits(found);
        },
        () => setHits([]),
      );
    }, 200);
    return () => clearTimeout(timer);
  }, [text]);

  const go = (to: string) => {
    close();
    (document.activeElement as HTMLElement | null)?.blur();
    navigate(to);
  };
  const open = async () => {
    const wanted = text.trim();
    if (wanted === '') return;
    try {
      const found = await search(wanted);
      const [first, second] = found;
      if (first && (first.id === wanted || !second)) {
        go(kinds[first.kind].to(first.id));
      } else if (first) {
        if (latest.current !== wanted) return;
        setHits(found);
        setIsOpen(true);
        focusPlace('.hits a');
      } else if (isMessageId(wanted)) {
        // The page of the message says that it was not found, and how to go on.
        go(kinds.message.to(wanted));
      } else {
        report(
          <>
            Nothing is called {wanted}. <Link to="/messages">Look at the messages</Link>
          </>,
        );
      }
    } catch (error) {
      complain(error);
    }
  };
  const isShown = isOpen && hits.length > 0;

  return (
    <div
      class="find"
      ref={box}
      onFocusIn={() => setIsOpen(true)}
      onFocusOut={(event) => {
        if (!box.current?.contains(event.relatedTarget as Node | null)) setIsOpen(false);
      }}
      onKeyDown={(event) => {
        const items = [...(box.current?.querySelectorAll<HTMLElement>('input, .hits a') ?? [])];
        const here = items.indexOf(document.activeElement as HTMLElement);
        const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
        if (step !== 0) {
          event.preventDefault();
          items[here + step]?.focus();
        } else if (event.key === 'Escape') {
          close();
          (document.activeElement as HTMLElement | null)?.blur();
        }
      }}
    >
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          void open();
        }}
      >
        <input
          id="find"
          type="search"
          aria-label="Find"
          placeholder="Find an id, URL, host, label, name   /"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </form>
      <p role="status" class="hidden">
        {isShown ? formatCount(hits.length, 'suggestion') : ''}
      </p>
      {isShown ? (
        // A click on a suggestion leaves the focus in the field, so that the list does not close before it.
        <ul class="hits" aria-label="Suggestions" onMouseDown={(event) => event.preventDefault()}>
          {hits.map(({ kind, id, title }) => (
            <li key={`${kind} ${id}`}>
              <Link to={kinds[kind].to(id)} onClick={close}>
                <small>{kinds[kind].title}</small> {title}
              </Link>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
