export { verifySignatureEvent as verifySignatureSvelte } from './fetch.ts';
export type { VerifySignatureConfig } from './verify.ts';
