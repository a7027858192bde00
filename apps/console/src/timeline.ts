import type { Timeline } from '@posthorn/shared';
import { call, formatQuery } from './api.ts';
import { segment } from './router.tsx';
import { readZone } from './settings.ts';

/** Bytes of a body that pages read. They read a timeline again and again: a whole body only when it is wanted. */
export const readBytes = 100_001;
/** A body with so many bytes is whole. */
export const shownBytes = readBytes - 1;

/** The path of the timeline of a message, with times in the zone of the reader. */
export const timelinePath = (messageId: string, trimBody?: number): string =>
  `/v2/messages/${segment(messageId)}/timeline${formatQuery({ timeZone: readZone(), trimBody })}`;

/** The timeline with whole bodies, as far as the server sends them. */
export const readWhole = (messageId: string): Promise<Timeline> => call<Timeline>(timelinePath(messageId));
