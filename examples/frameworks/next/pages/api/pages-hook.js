import { verifySignature } from '@posthorn/sdk/nextjs';

export default verifySignature((request, response) => {
  // `body` is parsed if it is JSON, else text; `rawBody` has the bytes.
  response.status(200).send(request.rawBody);
});

// The signature is for the bytes as they came.
export const config = { api: { bodyParser: false } };
