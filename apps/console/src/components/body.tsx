import { useState } from 'preact/hooks';
import { formatBody, formatBytes } from '../format.ts';

/** Characters that are shown; the rest can be downloaded. */
const maxShown = 100_000;

/** The bytes of a request or a response, always shown as text. */
export function Body({ bytes, name, label }: { bytes: Uint8Array; name: string; label: string }) {
  const [isRaw, setIsRaw] = useState(false);
  const formatted = formatBody(bytes);
  const text = isRaw && formatted.kind === 'JSON' ? new TextDecoder().decode(bytes) : formatted.text;
  const download = () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([bytes as BlobPart], { type: 'application/octet-stream' }));
    link.download = `${name}.bin`;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return (
    <div class="body">
      <p class="muted">
        {formatBytes(bytes.length)}, {formatted.kind}{' '}
        {formatted.kind === 'JSON' ? (
          <button type="button" class="small" aria-pressed={isRaw} onClick={() => setIsRaw(!isRaw)}>
            As sent
          </button>
        ) : null}{' '}
        <button type="button" class="small" aria-label={`Download the ${name} body`} onClick={download}>
          Download
        </button>
      </p>
      <pre tabIndex={0} aria-label={label} role="group">
        {text.slice(0, maxShown)}
      </pre>
      {text.length > maxShown ? <p class="muted">Only the beginning is shown; download it to see all.</p> : null}
    </div>
  );
}
