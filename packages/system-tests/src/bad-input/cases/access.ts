import { call, type BadInput } from '../bad-input.ts';

export const access: BadInput[] = [
  call('POST', '/v2/publish/${DEST}/ok', 401, 'empty', { headers: { Authorization: '' } }),
  call('POST', '/v2/publish/${DEST}/ok', 401, 'empty token', { headers: { Authorization: 'Bearer ' } }),
  call('POST', '/v2/publish/${DEST}/ok', 401, 'token plus one character', {
    headers: { Authorization: 'Bearer ${TOKEN}x' },
  }),
  call('POST', '/v2/publish/${DEST}/ok', 401, 'no scheme', { headers: { Authorization: '${TOKEN}' } }),
  call('POST', '/v2/publish/${DEST}/ok', 200, 'scheme is case-insensitive (RFC 9110): accept', {
    headers: { Authorization: 'bearer ${TOKEN}' },
  }),
  call('POST', '/v2/publish/${DEST}/ok', 401, 'two tokens in one header', {
    headers: { Authorization: 'Bearer ${TOKEN},Bearer wrong' },
  }),
  call('POST', '/v2/publish/${DEST}/ok', 401, 'text undefined (unset env on either side)', {
    headers: { Authorization: 'Bearer undefined' },
  }),
  call('POST', '/v2/publish/${DEST}/ok', 401, 'token looked up in a plain object', {
    headers: { Authorization: 'Bearer __proto__' },
  }),
  call('POST', '/v2/publish/${DEST}/ok', 401, 'non-ASCII token (Latin-1 byte)', {
    headers: { Authorization: 'Bearer \u00e9' },
  }),
  call('POST', '/v2/publish/${DEST}/ok', 401, 'unsigned JWT (alg none)', {
    headers: { Authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' },
  }),
  call('POST', '/v2/publish/${DEST}/ok?qstash_token=', 401, 'empty token in the query', { anonymous: true }),
  call('POST', '/v2/publish/${DEST}/ok?qstash_token[]=${TOKEN}', 401, 'token as an array parameter', {
    anonymous: true,
  }),
  call('POST', '/v2/publish/${DEST}/ok', 401, 'spoofed client address gives no rights', {
    headers: { 'X-Forwarded-For': '127.0.0.1' },
    anonymous: true,
  }),
  call('POST', '/v2/publish/${DEST}/ok', 401, 'cross-site simple POST without token', {
    headers: { Origin: 'https://evil.example', 'Content-Type': 'text/plain' },
    anonymous: true,
  }),
  call('POST', '/v2/publish/${DEST}/ok', 403, 'read-only token must not POST /v2/publish/${DEST}/ok', {
    headers: { Authorization: 'Bearer ${READER}' },
  }),
  call('POST', '/v2/batch', 403, 'read-only token must not POST /v2/batch', {
    headers: { Authorization: 'Bearer ${READER}' },
    body: '[]',
  }),
  call('DELETE', '/v2/messages', 403, 'read-only token must not DELETE /v2/messages', {
    headers: { Authorization: 'Bearer ${READER}' },
  }),
  call('DELETE', '/v2/dlq', 403, 'read-only token must not DELETE /v2/dlq', {
    headers: { Authorization: 'Bearer ${READER}' },
  }),
  call('POST', '/v2/keys/rotate', 403, 'read-only token must not POST /v2/keys/rotate', {
    headers: { Authorization: 'Bearer ${READER}' },
  }),
  call('GET', '/v2/keys', 403, 'read-only token and signing keys: reading keys lets one forge signatures - refuse', {
    headers: { Authorization: 'Bearer ${READER}' },
  }),
  call('GET', '/v2/logs', 401, 'metrics, console data and docs are not open by default', { anonymous: true }),
];
