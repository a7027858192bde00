/** A URL. One that is too long for its line breaks behind a slash of its path, or between its parameters. */
export function Url({ text }: { text: string }) {
  // A URL contains no line break, which stands for a place to break.
  const parts = text.replace(/([^:/][/?&])(?=[^/])/g, '$1\n').split('\n');
  return (
    <>
      {parts.map((part, index) => (
        <>
          {index === 0 ? null : <wbr />}
          {part}
        </>
      ))}
    </>
  );
}
