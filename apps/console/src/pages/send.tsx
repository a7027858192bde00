import type { Method, Timeline } from '@posthorn/shared';
import { useEffect, useId, useMemo, useState } from 'preact/hooks';
import { ApiError, call } from '../api.ts';
import { useResource } from '../data.ts';
import { useDraft } from '../drafts.ts';
import { Link, segment, useLocation } from '../router.tsx';
import { emptyOptions, encodeHeader, formatRequest, readGaps, readOptions, type SendOptions } from '../request.ts';
import { readBytes, timelinePath } from '../timeline.ts';
import { Button } from '../components/button.tsx';
import { Code } from '../components/code.tsx';
import { ResponseRegion } from '../components/exchange.tsx';
import { Check, Field, Select } from '../components/field.tsx';
import { focusPlace } from '../components/focus.ts';
import { PageHead } from '../components/page-head.tsx';
import { useCanWrite } from '../components/use-can-write.ts';
import { isFinished, isPending, WhereItIs } from '../components/where-it-is.tsx';

const methods: readonly Method[] = ['POST', 'GET', 'PUT', 'PATCH', 'DELETE'];

type TextName = { [Name in keyof SendOptions]: SendOptions[Name] extends string ? Name : never }[keyof SendOptions];

const optionFields: readonly { name: TextName; label: string; hint?: string; header: string }[] = [
  { name: 'delay', label: 'Delay', hint: '30s, 5m, 2h', header: 'Upstash-Delay' },
  { name: 'notBefore', label: 'Not before', hint: 'seconds since 1970', header: 'Upstash-Not-Before' },
  { name: 'retries', label: 'Retries', header: 'Upstash-Retries' },
  { name: 'retryDelay', label: 'Retry delay', hint: '1000 * (1 + retried)', header: 'Upstash-Retry-Delay' },
  { name: 'timeout', label: 'Timeout', hint: '30s', header: 'Upstash-Timeout' },
  { name: 'label', label: 'Label', hint: 'several with commas', header: 'Upstash-Label' },
  { name: 'queue', label: 'Queue', header: 'queueName' },
  { name: 'flowControlKey', label: 'Flow-control key', header: 'Upstash-Flow-Control-Key' },
  {
    name: 'flowControlValue',
    label: 'Flow-control value',
    hint: 'parallelism=3, rate=10, period=1m',
    header: 'Upstash-Flow-Control-Value',
  },
  { name: 'deduplicationId', label: 'Deduplication id', header: 'Upstash-Deduplication-Id' },
  {
    name: 'redactFields',
    label: 'Redact fields',
    hint: 'body, header[Authorization]',
    header: 'Upstash-Redact-Fields',
  },
  { name: 'callback', label: 'Callback', hint: 'a URL', header: 'Upstash-Callback' },
  { name: 'failureCallback', label: 'Failure callback', hint: 'a URL', header: 'Upstash-Failure-Callback' },
];

interface Form extends SendOptions {
  /** Whether the options are shown. */
  isOpen: boolean;
}

interface Sent {
  messageId: string;
  others: number;
}

export function Send() {
  const { query } = useLocation();
  const canWrite = useCanWrite();
  const from = query.get('from') ?? '';
  const url = query.get('url') ?? '';
  const source = useResource<Timeline>(from === '' ? undefined : timelinePath(from));
  const [entry] = source.data?.lines ?? [];
  const isLoading = from !== '' && !entry && !source.error;
  const [given, gaps] = useMemo(
    () => (entry ? [readOptions(entry), readGaps(entry)] : [{ ...emptyOptions(), destination: url }, []]),
    [entry, url],
  );
  const draft = useDraft<Form>(`/send ${from} ${url}`, { ...given, isOpen: from !== '' });
  const { value: options, change } = draft;
  const { isOpen } = options;
  const [fault, setFault] = useState<ApiError>();
  const [sent, setSent] = useState<Sent>();
  const [isBusy, setIsBusy] = useState(false);
  useEffect(() => {
    // Another message is to be sent.
    setSent(undefined);
    setFault(undefined);
  }, [from, url]);

  const submit = async () => {
    if (isBusy) return;
    setIsBusy(true);
    setFault(undefined);
    setSent(undefined);
    const { path, headers } = formatRequest(options);
    try {
      const reply = await call<{ messageId: string } | { messageId: string }[]>(path, {
        method: 'POST',
        headers: headers.map(([name, value]): [string, string] => [name, encodeHeader(value)]),
        ...(options.body === '' ? {} : { body: options.body }),
      });
      const [first, ...others] = [reply].flat();
      draft.forget();
      if (first) setSent({ messageId: first.messageId, others: others.length });
    } catch (error) {
      setFault(error instanceof ApiError ? error : new ApiError(400, `A header cannot be sent: ${String(error)}`));
    }
    setIsBusy(false);
  };
  const faultOf = (header: string) => (fault && isAbout(fault.message, header) ? fault.message : undefined);
  const shown = ['destination', ...(isOpen ? optionFields.map(({ header }) => header) : [])];
  const placed = shown.some((header) => faultOf(header));

  return (
    <>
      <PageHead title="Send a message" />
      {from === '' ? null : (
        <p class="muted">
          The same as <Link to={`/messages/${segment(from)}`}>{from}</Link>; change what you like. {gaps.join(' ')}
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
        <fieldset disabled={!canWrite || isLoading} class="send">
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
            <Button type="submit" class="primary" isOff={isBusy}>
              Send
            </Button>
          </div>
          <TextArea label="Body" value={options.body} onValue={(body) => change({ body })} />
          <div class="row">
            <Field
              label="Content type"
              placeholder="application/json"
              value={options.contentType}
              onInput={(event) => change({ contentType: event.currentTarget.value })}
            />
            <button type="button" aria-expanded={isOpen} onClick={() => change({ isOpen: !isOpen })}>
              Options
            </button>
            <button
              type="button"
              class="add-header"
              onClick={() => change({ headers: [...options.headers, { name: '', value: '' }] })}
            >
              Add header
            </button>
          </div>
          {isOpen ? (
            <div class="grid">
              {optionFields.map(({ name, label, hint, header }) => (
                <Field
                  key={name}
                  label={label}
                  {...(hint ? { hint } : {})}
                  value={options[name]}
                  fault={faultOf(header)}
                  onInput={(event) => change({ [name]: event.currentTarget.value })}
                />
              ))}
              <Check
                label="Content-based deduplication"
                isOn={options.contentBasedDeduplication}
                onChange={(contentBasedDeduplication) => change({ contentBasedDeduplication })}
              />
            </div>
          ) : null}
          {options.callbackHeaders.length > 0 ? (
            <p class="muted">
              Headers of the callbacks go along: {options.callbackHeaders.map(({ name }) => name).join(', ')}.
            </p>
          ) : null}
          {options.headers.map((header, index) => {
            const set = (changes: Partial<typeof header>) =>
              change({ headers: options.headers.map((one, at) => (at === index ? { ...one, ...changes } : one)) });
            const ending = index === 0 ? '' : ` ${index + 1}`;
            return (
              <div class="row" key={index}>
                <Field
                  label={`Header name${ending}`}
                  placeholder="X-Name, or Upstash-Callback-Retries"
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
                  class="remove-header"
                  onClick={() => {
                    change({ headers: options.headers.filter((_, at) => at !== index) });
                    focusPlace(options.headers.length > 1 ? '.remove-header' : '.add-header', index);
                  }}
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

/** The result of a message is read so often, while it waits for its time and afterwards. */
const delayedMs = 5000;
const awaitedMs = 700;

/** What becomes of the message that was sent, on the same page. */
function Result({ messageId, others }: Sent) {
  const { data } = useResource<Timeline>(timelinePath(messageId, readBytes), {
    isLive: true,
    everyMs: (timeline) => (timeline?.where.kind === 'delayed' ? delayedMs : awaitedMs),
    isAwaited: true,
    isSettled: ({ where }) => !isPending(where),
    isFinal: isFinished,
  });
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
