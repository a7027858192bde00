// The destinations that misbehave, in a process of their own: what they do to it must not look like what they do to
// deliveries. Tells its port once it listens.
import { faults } from './faults.ts';
import { onRequest, startSink } from './sink.ts';

const { port } = await startSink((socket) => {
  onRequest(socket, (path) => faults[decodeURIComponent(path.slice(1))]?.act(socket));
});
process.on('disconnect', () => process.exit());
process.send?.(port);
