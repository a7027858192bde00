export { verifySignatureEvent as verifySignatureSvelte } from './fetch.ts';
export type { ConfigOrFunction, VerifySignatureConfig } from './verify.ts';
