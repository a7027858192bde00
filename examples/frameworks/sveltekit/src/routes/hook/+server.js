import { QSTASH_CURRENT_SIGNING_KEY, QSTASH_NEXT_SIGNING_KEY } from '$app/env/private';
import { verifySignatureSvelte } from '@posthorn/sdk/svelte';

const receive = verifySignatureSvelte(
  async ({ request }) => new Response(await request.arrayBuffer()),
  // A function is called with each request, when the variables are there, also those of `.env`.
  () => ({
    currentSigningKey: QSTASH_CURRENT_SIGNING_KEY,
    nextSigningKey: QSTASH_NEXT_SIGNING_KEY,
  }),
);

export { receive as GET, receive as POST };
