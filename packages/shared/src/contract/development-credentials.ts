/**
 * Token and signing keys for local development (contract R16). The vendor has published them, so that they are no
 * secrets. A module without imports: `npm start` and the SDK need nothing else of the contract for them.
 */
export const developmentCredentials = {
  token: 'eyJVc2VySUQiOiJkZWZhdWx0VXNlciIsIlBhc3N3b3JkIjoiZGVmYXVsdFBhc3N3b3JkIn0=',
  currentSigningKey: 'sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r',
  nextSigningKey: 'sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs',
} as const;
