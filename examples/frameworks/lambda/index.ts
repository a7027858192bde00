import { verifySignatureLambda } from '@posthorn/sdk/lambda';
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';

export const handler = verifySignatureLambda(
  async (event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> => ({
    statusCode: 200,
    body: event.body ?? '',
    isBase64Encoded: event.isBase64Encoded,
  }),
);
