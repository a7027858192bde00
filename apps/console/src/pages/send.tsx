import type { Method, Timeline } from '@posthorn/shared';
import { useEffect, useId, useState } from 'preact/hooks';
import { ApiError, call, formatQuery } from '../api.ts';
import { useResource } from '../data.ts';
import { Link, segment, usePlace } from '../router.tsx';
import {
  emptyOptions,
  encodeHeader,
  formatCurl,
  formatPython,
  formatRequest,
  formatTypeScript,
  readOptions,
  type SendOptions,
} from '../request.ts';
import { timeZone } from '../settings.ts';
import { copy } from '../components/copy.ts';
import { ResponseRegion } from '../components/exchange.tsx';
import { Field, Select } from '../components/field.tsx';
import { PageHead } from '../components/page-head.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { WhereItIs } from '../components/where-it-is.tsx';

const methods: readonly Method[] = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE'];

type TextName = Exclude<keyof SendOptions, 'headers'>;

const optionFields: readonly { name: TextName; label: string; hint?: string; header: string }[] = [
  { name: 'delay', label: 'Delay', hint: '30s, 5m, 2h', header: 'Upstash-Delay' },
  { name: 'retries', label: 'Retries', header: 'Upstash-Retries' },
  { name: 'timeout', label: 'Timeout', hint: '30s', header: 'Upstash-Timeout' },
  { name: 'label', label: 'Label', hint: 'several with commas', header: 'Upstash-Label' },
  { name: 'queue', label: 'Queue', header: 'queueName' },
  { name: 'flowControlKey', label: 'Flow-control key', header: 'Upstash-Flow-Control' },
  { name: 'deduplicationId', label: 'Deduplication id', header: 'Upstash-Deduplication-Id' },
  { name: 'callback', label: 'Callback', hint: 'a URL', header: 'Upstash-Callback' },
  { name: 'failureCallback', label: 'Failure callback', hint: 'a URL', header: 'Upstash-Failure-Callback' },
];

/** What was typed stays when the session ends in between, and when the reader looks at another page. */
let draft: SendOptions | undefined;

interface Sent {
  messageId: string;
  others: number;
}

export function Send() {
  const { query } = usePlace();
  const canWrite = useCanWrite();
  const from = query.get('from') ?? '';
  const [options, setOptions] = useState(() => (from === '' ? (draft ?? emptyOptions()) : emptyOptions()));
  const [isOpen, setIsOpen] = useState(from !== '');
  const [fault, setFault] = useState<ApiError>();
  const [sent, setSent] = useState<Sent>();
  const [isBusy, setIsBusy] = useState(false);
  const source = useResource<Timeline>(from === '' ? undefined : `/v2/messages/${segment(from)}/timeline`);
  const [line] = source.data?.lines ?? [];
  useEffect(() => {
    if (line) setOptions(readOptions(line));
  }, [line?.messageId]);
  useEffect(() => {
    const url = query.get('url');
    if (url) setOptions((now) => ({ ...now, destination: url }));
  }, []);

  const change = (changes: Partial<SendOptions>) => {
    const next = { ...options, ...changes };
    draft = next;
    setOptions(next);
  };
  const submit = async () => {
    setIsBusy(true);
    setFault(undefined);
    setSent(undefined);
    const { path, headers } = formatRequest(options);
    try {
      const reply = await call<{ messageId: string } | { messageId: string }[]>(path, {
        method: 'POST',
        headers: Object.fromEntries(headers.map(([name, value]) => [name, encodeHeader(value)])),
        ...(options.body === '' ? {} : { body: options.body }),
      });
      const [first, ...others] = [reply].flat();
      if (first) setSent({ messageId: first.messageId, others: others.length });
    } catch (error) {
      setFault(error instanceof ApiError ? error : new ApiError(400, `A header cannot be sent: ${String(error)}`));
    }
    setIsBusy(false);
  };
  const faultOf = (header: string) => (fault && isAbout(fault.message, header) ? fault.message : undefined);
  const placed = ['destination', ...optionFields.map(({ header }) => header)].some((header) => faultOf(header));

  return (
    <>
      <PageHead title="Send a message" />
      {from === '' ? null : (
        <p class="muted">
          The same as <Link to={`/messages/${segment(from)}`}>{from}</Link>; change what you like.
          {line?.bodyTruncated ? ' Its body is too large to be copied here.' : ''}
        </p>
      )}
      {canWrite ? null : (
        <p class="fault">This session may only read; sign in with a token that may write to send messages.</p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <fieldset disabled={!canWrite} class="send">
          <div class="row">
            <Select
              label="Method"
              value={options.method}
              onValue={(method) => change({ method })}
              options={methods.map((method) => [method, method])}
            />
            <Field
              label="Destination"
              placeholder="https://example.com/hook, or the name of a URL group"
              required
              value={options.destination}
              fault={faultOf('destination')}
              onInput={(event) => change({ destination: event.currentTarget.value.trim() })}
            />
            <button type="submit" class="primary" disabled={isBusy}>
              Send
            </button>
          </div>
          <TextArea label="Body" value={options.body} onValue={(body) => change({ body })} />
          <div class="row">
            <Field
              label="Content type"
              placeholder="application/json"
              value={options.contentType}
              onInput={(event) => change({ contentType: event.currentTarget.value })}
            />
            <button type="button" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
              Options
            </button>
            <button type="button" onClick={() => change({ headers: [...options.headers, { name: '', value: '' }] })}>
              Add header
            </button>
          </div>
          {isOpen ? (
            <div class="grid">
              {optionFields.map(({ name, label, hint, header }) => (
                <Field
                  label={label}
                  {...(hint ? { hint } : {})}
                  value={options[name]}
                  fault={faultOf(header)}
                  onInput={(event) => change({ [name]: event.currentTarget.value })}
                />
              ))}
            </div>
          ) : null}
          {options.headers.map((header, index) => {
            const set = (changes: Partial<typeof header>) =>
              change({ headers: options.headers.map((one, at) => (at === index ? { ...one, ...changes } : one)) });
            const ending = index === 0 ? '' : ` ${index + 1}`;
            return (
              <div class="row">
                <Field
                  label={`Header name${ending}`}
                  value={header.name}
                  onInput={(event) => set({ name: event.currentTarget.value })}
                />
                <Field
                  label={`Header value${ending}`}
                  value={header.value}
                  onInput={(event) => set({ value: event.currentTarget.value })}
                />
                <button
                  type="button"
                  aria-label={`Remove header${ending}`}
                  onClick={() => change({ headers: options.headers.filter((_, at) => at !== index) })}
                >
                  Remove
                </button>
              </div>
            );
          })}
        </fieldset>
        {fault && !placed && fault.status !== 401 ? (
          <p role="alert" class="fault">
            {fault.message}
          </p>
        ) : null}
      </form>
      {sent ? <Result {...sent} /> : null}
      <Code options={options} />
    </>
  );
}

/** Whether the sentence of the server begins with the name of a field. */
function isAbout(text: string, header: string): boolean {
  if (header === 'destination')
    return /^(destination|invalid destination|topic )|destination/i.test(text) && !/^Upstash-/i.test(text);
  return (
    text.toLowerCase().startsWith(header.toLowerCase()) &&
    !(header === 'Upstash-Callback' && text.startsWith('Upstash-Callback-'))
  );
}

function TextArea({ label, value, onValue }: { label: string; value: string; onValue: (value: string) => void }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        rows={6}
        spellcheck={false}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
    </div>
  );
}

/** What becomes of the message that was sent, on the same page. */
function Result({ messageId, others }: Sent) {
  const path = `/v2/messages/${segment(messageId)}/timeline${formatQuery({ timeZone: timeZone.get() })}`;
  const { data } = useResource<Timeline>(path, { isLive: true, everyMs: 700 });
  return (
    <section aria-label="Result" class="card">
      <p role="status">
        Published as <Link to={`/messages/${segment(messageId)}`}>{messageId}</Link>
        {others > 0 ? ` and ${others} more, one for each endpoint` : ''}.
      </p>
      {data ? (
        <>
          <WhereItIs where={data.where} />
          <ResponseRegion data={data} />
        </>
      ) : null}
    </section>
  );
}

const languages = [
  ['curl', formatCurl],
  ['TypeScript', formatTypeScript],
  ['Python', formatPython],
] as const;

function Code({ options }: { options: SendOptions }) {
  const { query } = usePlace();
  const asked = languages.findIndex(([name]) => name === query.get('tab'));
  const [chosen, setChosen] = useState(Math.max(0, asked));
  const id = useId();
  const [name, write] = languages[chosen] ?? languages[0];
  const text = write(options);
  return (
    <section aria-label="The same as code">
      <h2>The same as code</h2>
      <div
        role="tablist"
        aria-label="Language"
        class="tabs"
        onKeyDown={(event) => {
          const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
          if (step === 0) return;
          const next = (chosen + step + languages.length) % languages.length;
          setChosen(next);
          event.currentTarget.querySelectorAll('button')[next]?.focus();
        }}
      >
        {languages.map(([language], index) => (
          <button
            type="button"
            role="tab"
            id={`${id}-${index}`}
            aria-selected={index === chosen}
            aria-controls={`${id}-panel`}
            tabIndex={index === chosen ? 0 : -1}
            onClick={() => setChosen(index)}
          >
            {language}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen}`} tabIndex={0}>
        <pre>{text}</pre>
      </div>
      <button type="button" onClick={() => void copy(text, `the request for ${name}`)}>
        Copy code
      </button>
    </section>
  );
}
