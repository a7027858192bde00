import { env } from '$env/dynamic/private';
import { verifySignatureSvelte } from '@posthorn/sdk/svelte';

const receive = verifySignatureSvelte(
  async ({ request }) => new Response(await request.arrayBuffer()),
  // A function: it is called with each request, when `env` has the variables, also those of `.env`.
  () => ({
    currentSigningKey: env.QSTASH_CURRENT_SIGNING_KEY,
    nextSigningKey: env.QSTASH_NEXT_SIGNING_KEY,
  }),
);

export { receive as GET, receive as POST };
