import { useMemo, useState } from 'preact/hooks';
import { decodeBody, formatBody, formatBytes } from '../format.ts';
import { shownBytes } from '../timeline.ts';
import { complain } from './notice.ts';

/** Characters that are shown; the rest can be downloaded. */
const maxShown = 100_000;

interface BodyProps {
  bytes: Uint8Array;
  name: string;
  label: string;
  /** Reads the whole body, where the bytes may be only its beginning. */
  readAll?: () => Promise<Uint8Array | undefined>;
}

/** The bytes of a request or a response, always shown as text. */
export function Body({ bytes, name, label, readAll }: BodyProps) {
  const [isRaw, setIsRaw] = useState(false);
  const isCut = readAll !== undefined && bytes.length > shownBytes;
  const formatted = useMemo(() => formatBody(bytes, isCut), [bytes, isCut]);
  const text = isRaw && formatted.kind === 'JSON' ? new TextDecoder().decode(bytes) : formatted.text;
  const download = async () => {
    try {
      const all = isCut ? await readAll() : bytes;
      if (!all) throw new Error('The server does not send this body as a whole.');
      save(all, `${name}.bin`);
    } catch (error) {
      complain(error);
    }
  };
  return (
    <div class="body">
      <p class="muted">
        {isCut ? 'The first ' : ''}
        {formatBytes(bytes.length)}, {formatted.kind}{' '}
        {formatted.kind === 'JSON' ? (
          <button type="button" class="small" aria-pressed={isRaw} onClick={() => setIsRaw(!isRaw)}>
            As sent
          </button>
        ) : null}{' '}
        <button type="button" class="small" aria-label={`Download the ${name} body`} onClick={() => void download()}>
          Download
        </button>
      </p>
      <pre tabIndex={0} aria-label={label} role="group">
        {text.slice(0, maxShown)}
      </pre>
      {isCut || text.length > maxShown ? (
        <p class="muted">Only the beginning is shown; download it to see all.</p>
      ) : null}
    </div>
  );
}

/** A body in base64, as the log has it. */
export function EncodedBody({ body, ...rest }: Omit<BodyProps, 'bytes'> & { body: string }) {
  const bytes = useMemo(() => decodeBody(body), [body]);
  return <Body {...rest} bytes={bytes} />;
}

/** Saves bytes as a file that no browser opens or runs, whatever they are. */
function save(bytes: Uint8Array, fileName: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes as BlobPart], { type: 'application/octet-stream' }));
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(link.href);
}
