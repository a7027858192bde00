/** Longer texts are not remembered, so that clients cannot make a process keep megabytes. */
const maxLength = 512;
const maxTexts = 1000;

/**
 * The same function, which computes the result for a text once as long as no more than a thousand others follow: most
 * messages go to the URLs of earlier ones.
 *
 * @param compute has the same result for a text each time
 */
export function remember<Result>(compute: (text: string) => Result): (text: string) => Result {
  const known = new Map<string, { result: Result }>();
  return (text) => {
    const earlier = known.get(text);
    if (earlier) return earlier.result;
    const result = compute(text);
    if (text.length > maxLength) return result;
    if (known.size >= maxTexts) known.clear();
    known.set(text, { result });
    return result;
  };
}
