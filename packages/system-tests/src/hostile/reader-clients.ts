// Fifty clients that read the largest pages they can get, one after the other, until they are stopped.
const [url = '', token = ''] = process.argv.slice(2);
const clients = 50;
const most = 'maxBytes=16777216';
const paths = [
  `/v2/events?count=1000&groupBy=messageId&${most}`,
  `/v2/logs?count=1000&${most}`,
  `/v2/dlq?count=100&${most}`,
];
const counts = { pages: 0, refused: 0, failed: 0, bytes: 0 };
const ended = new AbortController();

async function read(client: number): Promise<void> {
  for (let turn = client; !ended.signal.aborted; turn++) {
    const response = await fetch(url + (paths[turn % paths.length] ?? ''), {
      headers: { Authorization: `Bearer ${token}` },
      signal: ended.signal,
    });
    const { byteLength } = await response.arrayBuffer();
    counts.bytes += byteLength;
    if (response.ok) counts.pages++;
    else if (response.status === 429) counts.refused++;
    else counts.failed++;
  }
}

process.on('message', () => ended.abort());
await Promise.all(
  Array.from({ length: clients }, (_, client) =>
    read(client).catch(() => {
      if (!ended.signal.aborted) counts.failed++;
    }),
  ),
);
process.send?.(counts);
process.disconnect();
