import { useEffect, useRef, useState } from 'preact/hooks';
import { setQuery, useLocation } from '../router.tsx';

/** The text of a field that is part of the address, which changes 300 ms after the last key. */
export function useTyped(name: string): [value: string, type: (value: string) => void] {
  const { query } = useLocation();
  const given = query.get(name) ?? '';
  const [text, setText] = useState(given);
  const sent = useRef(given);
  useEffect(() => {
    // What was typed here may have gone on by now: only what came from elsewhere replaces it.
    if (given === sent.current) return;
    sent.current = given;
    setText(given);
  }, [given]);
  useEffect(() => {
    if (text.trim() === sent.current) return undefined;
    const timer = setTimeout(() => {
      sent.current = text.trim();
      setQuery({ [name]: sent.current });
    }, 300);
    return () => clearTimeout(timer);
  }, [text]);
  return [text, setText];
}
