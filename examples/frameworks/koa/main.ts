import Koa from 'koa';
import { verifySignatureKoa, type NodeRequest } from '@posthorn/sdk/koa';

const app = new Koa();
const verify = verifySignatureKoa();

// Before a body parser: the signature is for the bytes as they came.
app.use((context, next) => (context.path === '/hook' ? verify(context, next) : next()));

app.use((context) => {
  if (context.path !== '/hook') return;
  // `context.request.body` is parsed if it is JSON, else text; `rawBody` has the bytes.
  const { rawBody } = context.request as unknown as NodeRequest;
  context.body = rawBody;
});

app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
