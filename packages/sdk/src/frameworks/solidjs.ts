export { verifySignatureEvent as verifySignatureSolidjs } from './fetch.ts';
export type { VerifySignatureConfig } from './verify.ts';
