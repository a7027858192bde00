import express from 'express';
import { verifySignatureExpress, type NodeRequest } from '@posthorn/sdk/express';

const app = express();

// Before express.json(): the signature is for the bytes as they came.
app.all('/hook', verifySignatureExpress(), (request, response) => {
  // `body` is parsed if it is JSON, else text; `rawBody` has the bytes.
  const { rawBody } = request as NodeRequest;
  response.type('application/octet-stream').send(rawBody);
});

app.use(express.json());

app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
