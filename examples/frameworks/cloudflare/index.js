import { verifySignatureCloudflare } from '@posthorn/sdk/cloudflare';

// The keys are bindings: `wrangler secret put QSTASH_CURRENT_SIGNING_KEY`, and QSTASH_NEXT_SIGNING_KEY.
const receive = verifySignatureCloudflare(async (request, env) => new Response(await request.arrayBuffer()));

export default {
  fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    return pathname === '/hook' ? receive(request, env, context) : new Response('not found', { status: 404 });
  },
};
