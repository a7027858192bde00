import type { APIContext } from 'astro';
import { getSecret } from 'astro:env/server';
import { verifySignatureEvent } from '@posthorn/sdk/fetch';

const receive = verifySignatureEvent(
  async ({ request }: APIContext) => new Response(await request.arrayBuffer()),
  // A function: it is called with each request. `getSecret` also finds the variables of `.env` under `astro dev`.
  () => ({
    currentSigningKey: getSecret('QSTASH_CURRENT_SIGNING_KEY'),
    nextSigningKey: getSecret('QSTASH_NEXT_SIGNING_KEY'),
  }),
);

export { receive as GET, receive as POST };
