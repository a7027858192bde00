import { firstToken, type Credentials } from './credentials.ts';

/** What the banner is made of. */
export interface BannerFacts {
  /** The URL of the API for programs on this machine. */
  url: string;
  /** The URLs at which other machines reach the API; none when it listens on loopback. */
  publicUrls: string[];
  credentials: Credentials;
  /** Destinations on this machine and its network are allowed. */
  isPrivateAllowed: boolean;
  /** A link that signs in to the console once; `undefined` when there is none. */
  consoleLink: string | undefined;
  /** A destination on this machine for the first message, where that is allowed. */
  destination: string | undefined;
}

/** Everything that a new user needs to send the first message (contract R1). */
export function formatBanner(facts: BannerFacts): string {
  const { url, publicUrls, credentials, isPrivateAllowed, consoleLink, destination } = facts;
  const { token, currentSigningKey, nextSigningKey } = credentials;
  const authorization = quote(`Authorization: Bearer ${firstToken(credentials)}`);
  return [
    `posthorn ready on ${url}`,
    '',
    `  QSTASH_URL=${url}`,
    `  QSTASH_TOKEN=${token}`,
    `  QSTASH_CURRENT_SIGNING_KEY=${currentSigningKey}`,
    `  QSTASH_NEXT_SIGNING_KEY=${nextSigningKey}`,
    '',
    ...(publicUrls.length > 0
      ? [
          `Other machines can reach it at ${publicUrls.join(', ')}, without encryption:`,
          'they send the token in plain text. Put a proxy with TLS in front of it (docs/operations.md#tls).',
        ]
      : []),
    `Destinations on this machine and its network are ${isPrivateAllowed ? 'allowed' : 'refused'} (ALLOW_PRIVATE_DESTINATIONS).`,
    '',
    ...(consoleLink === undefined ? [] : [`Console (signs in once, for ten minutes): ${consoleLink}`]),
    'Publish a first message:',
    destination
      ? `  curl -X POST ${url}/v2/publish/${destination} -H ${authorization} -d hello`
      : `  curl -X POST ${url}/v2/publish/https://example.com/ -H ${authorization} -H 'Upstash-Method: GET'`,
    'Follow it, or receive messages: npx posthorn logs, npx posthorn listen 3000',
    'Ctrl-C stops everything; the next start continues where this one ended.',
    '',
  ].join('\n');
}

/** One word for a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
