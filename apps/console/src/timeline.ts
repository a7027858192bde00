import type { Timeline } from '@posthorn/shared';
import { call, formatQuery } from './api.ts';
import { segment } from './router.tsx';
import { timeZone } from './settings.ts';

/** Bytes of a body that pages show. They read a timeline again and again: a whole body only when it is wanted. */
export const shownBytes = 100_000;

/** The path of the timeline of a message, with times in the zone of the reader. */
export const timelinePath = (messageId: string, trimBody?: number): string =>
  `/v2/messages/${segment(messageId)}/timeline${formatQuery({ timeZone: timeZone.get(), trimBody })}`;

/** The timeline with whole bodies, as far as the server sends them. */
export const readWhole = (messageId: string): Promise<Timeline> => call<Timeline>(timelinePath(messageId));
