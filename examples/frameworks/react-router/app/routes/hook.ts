import type { ActionFunctionArgs } from 'react-router';
import { verifySignatureEvent } from '@posthorn/sdk/fetch';

const receive = verifySignatureEvent(
  async ({ request }: ActionFunctionArgs) => new Response(await request.arrayBuffer()),
);

// An action gets POST, PUT, PATCH and DELETE; a loader gets GET. A route without a component is a resource route.
export { receive as action, receive as loader };
