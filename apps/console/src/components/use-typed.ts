import { useEffect, useState } from 'preact/hooks';
import { setQuery, usePlace } from '../router.tsx';

/** The text of a field that is part of the address, which changes 300 ms after the last key. */
export function useTyped(name: string): [value: string, type: (value: string) => void] {
  const { query } = usePlace();
  const given = query.get(name) ?? '';
  const [text, setText] = useState(given);
  useEffect(() => setText(given), [given]);
  useEffect(() => {
    if (text === given) return undefined;
    const timer = setTimeout(() => setQuery({ [name]: text.trim() }), 300);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}
