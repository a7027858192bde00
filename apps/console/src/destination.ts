/** Parses a destination that a person has typed: a URL, or a host. */
export const parseDestination = (text: string): { url?: string; host?: string } =>
  text === '' ? {} : /^https?:\/\//i.test(text) ? { url: text } : { host: text };
