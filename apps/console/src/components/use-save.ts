import { useState } from 'preact/hooks';
import { isRefusal } from '../api.ts';
import { complain } from './notice.ts';

/** Saves a form: `fault` is the sentence of the server about what was typed; other errors become notices. */
export function useSave(): { fault: string | undefined; save: (act: () => Promise<void>) => Promise<void> } {
  const [fault, setFault] = useState<string>();
  return {
    fault,
    async save(act) {
      setFault(undefined);
      try {
        await act();
      } catch (error) {
        if (isRefusal(error)) setFault(error.message);
        else complain(error);
      }
    },
  };
}
