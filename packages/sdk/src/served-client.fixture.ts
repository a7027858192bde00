import { startReceiver, type Receiver as TestServer } from '@posthorn/testkit';
import { Client } from './index.ts';

/** A stand-in for the server, and a client that sends to it without retries. */
export interface ServedClient {
  server: TestServer;
  client: Client;
}

/** Serves all tests of a file. What the server has received is forgotten before each test. */
export function serveClient(): ServedClient {
  const served = {} as ServedClient;
  beforeAll(async () => {
    served.server = await startReceiver();
    served.client = new Client({ baseUrl: served.server.url, token: 't', retry: false });
  });
  afterAll(() => served.server.stop());
  beforeEach(() => served.server.requests.splice(0));
  return served;
}
