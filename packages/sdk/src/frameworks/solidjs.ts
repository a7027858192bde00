export { verifySignatureEvent as verifySignatureSolidjs } from './fetch.ts';
export type { ConfigOrFunction, VerifySignatureConfig } from './verify.ts';
