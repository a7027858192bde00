export { verifySignatureH3 as verifySignatureNuxt, type ConfigOrFunction, type VerifySignatureConfig } from './h3.ts';
