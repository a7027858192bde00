import { verifySignatureNuxt } from '@posthorn/sdk/nuxt';

export default verifySignatureNuxt(async (event) => (await readRawBody(event, false)) ?? '');
