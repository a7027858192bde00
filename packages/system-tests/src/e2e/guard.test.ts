import { eventually, startSystem, type TestSystem } from '@posthorn/testkit';

let system: TestSystem;
beforeAll(async () => {
  // The API lets names on this machine through, as a name would be that changed its address after it was accepted.
  system = await startSystem({ dispatcher: { ALLOW_PRIVATE_DESTINATIONS: 'false' } });
});
afterAll(() => system.stop());

test.each(['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]'])(
  'a connection to %s is refused when it is made, and the log says which variable allows it',
  async (host) => {
    const url = system.receiver.url.replace('127.0.0.1', host);
    const messageId = await system.api.publish(`${url}/guarded`, { headers: { 'Upstash-Retries': '0' } });
    const entry = await eventually(async () => {
      const { events } = await system.api.read<{
        events: { state: string; error?: string; responseStatus?: number }[];
      }>(`/v2/events?messageId=${messageId}`);
      return events.find(({ state }) => state === 'ERROR');
    });
    expect(entry.error).toMatch(/loopback address: .*ALLOW_PRIVATE_DESTINATIONS/);
    expect(entry.responseStatus).toBe(0);
    expect(system.receiver.requests).toEqual([]);
  },
);
