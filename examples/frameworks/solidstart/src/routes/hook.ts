import type { APIEvent } from '@solidjs/start/server';
import { verifySignatureSolidjs } from '@posthorn/sdk/solidjs';

const receive = verifySignatureSolidjs(async ({ request }: APIEvent) => new Response(await request.arrayBuffer()));

export { receive as GET, receive as POST };
