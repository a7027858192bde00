import { verifySignatureNuxt } from '@posthorn/sdk/nuxt';

export default verifySignatureNuxt(async (event) => {
  // Nuxt refuses to read the body of a GET.
  const body = event.method === 'GET' ? undefined : await readRawBody(event, false);
  return body ?? '';
});
