import type { Credentials } from './credentials.ts';

export interface BannerFacts {
  url: string;
  credentials: Credentials;
  isPrivateAllowed: boolean;
}

/** What a newcomer needs to send the first message. */
export function writeBanner({ url, credentials, isPrivateAllowed }: BannerFacts): string {
  const { token, currentSigningKey, nextSigningKey } = credentials;
  // Any of several tokens opens the door.
  const authorization = quote(`Authorization: Bearer ${token.split(',')[0]?.trim() ?? ''}`);
  return [
    `posthorn ready on ${url}`,
    '',
    `  QSTASH_URL=${url}`,
    `  QSTASH_TOKEN=${token}`,
    `  QSTASH_CURRENT_SIGNING_KEY=${currentSigningKey}`,
    `  QSTASH_NEXT_SIGNING_KEY=${nextSigningKey}`,
    '',
    ...(isPrivateAllowed
      ? ['Destinations on this machine and its network are allowed; ALLOW_PRIVATE_DESTINATIONS=false forbids them.', '']
      : []),
    'Publish a message, here to the health page of posthorn itself:',
    '',
    `  curl ${url}/v2/publish/${url}/health -H ${authorization} -H 'Upstash-Method: GET' -d hello`,
    '',
    `What became of it: GET ${url}/v2/events?messageId=... with the same Authorization.`,
    'Ctrl-C stops everything; the next start goes on where this one ended.',
    '',
  ].join('\n');
}

/** One word for a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
