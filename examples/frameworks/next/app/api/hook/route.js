import { verifySignatureAppRouter } from '@posthorn/sdk/nextjs';

const receive = verifySignatureAppRouter(async (request) => new Response(await request.arrayBuffer()));

export { receive as GET, receive as POST };
