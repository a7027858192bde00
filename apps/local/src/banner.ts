import type { Credentials } from './credentials.ts';

/** What a newcomer needs to send the first message. */
export function writeBanner(
  url: string,
  { token, currentSigningKey, nextSigningKey }: Credentials,
  isPrivateAllowed: boolean,
): string {
  return [
    `posthorn ready on ${url}`,
    '',
    `  QSTASH_URL=${url}`,
    `  QSTASH_TOKEN=${token}`,
    `  QSTASH_CURRENT_SIGNING_KEY=${currentSigningKey}`,
    `  QSTASH_NEXT_SIGNING_KEY=${nextSigningKey}`,
    '',
    ...(isPrivateAllowed
      ? [
          '  Destinations on this machine and its network are allowed (ALLOW_PRIVATE_DESTINATIONS=false forbids them).',
          '',
        ]
      : []),
    '  Publish a message, here to the health page of posthorn itself:',
    '',
    `  curl -X POST ${url}/v2/publish/${url}/health -H "Authorization: Bearer ${token}" -H "Upstash-Method: GET" -d hello`,
    '',
    '  and read what became of it:',
    '',
    `  curl "${url}/v2/events?messageId=<messageId>" -H "Authorization: Bearer ${token}"`,
    '',
    '  Ctrl-C stops everything; the next start goes on where this one ended.',
    '',
  ].join('\n');
}
