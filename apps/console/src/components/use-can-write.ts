import { session } from '../api.ts';
import { useStore } from '../store.ts';

export const useCanWrite = (): boolean => useStore(session)?.scope === 'write';
