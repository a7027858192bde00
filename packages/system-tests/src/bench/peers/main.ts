// `npm run bench:peers [-- --adapter file]`: what a message costs a system, posthorn by default, from publish to arrival.
//   --adapter file.json      how to publish to the system, see docs/performance.md
//   --messages 20000         messages that are measured, after a warm-up
//   --in-flight 32           publishes at a time
//   --receiver-port 9000     port of the destination on 127.0.0.1; any free one by default
import { parseArgs } from 'node:util';
import { parseWhole } from '../arguments.ts';
import { startProgram } from '../program.ts';
import { loadAdapter } from './adapter.ts';
import { drive, type Report } from './drive.ts';
import { startPosthorn } from './posthorn.ts';

function readOptions() {
  const { values } = parseArgs({
    options: {
      adapter: { type: 'string' },
      messages: { type: 'string', default: '20000' },
      'in-flight': { type: 'string', default: '32' },
      'receiver-port': { type: 'string' },
    },
  });
  const port = values['receiver-port'];
  return {
    adapter: values.adapter,
    messages: parseWhole('messages', values.messages, 1),
    inFlight: parseWhole('in-flight', values['in-flight'], 1),
    port: port === undefined ? undefined : parseWhole('receiver-port', port, 1, 65_535),
  };
}

async function run(): Promise<number> {
  const { adapter: file, port, ...load } = readOptions();
  const receiver = await startProgram(new URL('receiver.js', import.meta.url), port === undefined ? {} : { port });
  try {
    if (file !== undefined) return report(await drive(await loadAdapter(file, `${receiver.url}/`), receiver.url, load));
    const posthorn = await startPosthorn();
    try {
      return report(await drive(posthorn.adapter, receiver.url, load));
    } finally {
      await posthorn.end();
    }
  } finally {
    await receiver.end();
  }
}

/** Prints what was measured, and gives the exit status. */
function report(measured: Report): number {
  const { name, messages, inFlight, bodyBytes, cpuUs, perSecond, publishMs, arrivalMs, lost, duplicates } = measured;
  const parts = Object.entries(cpuUs).map(([process, us]) => `${process} ${us}`);
  const total = Object.values(cpuUs).reduce((sum, us) => sum + us, 0);
  console.log(`${name}: ${messages} messages of ${bodyBytes} bytes, ${inFlight} in flight`);
  console.log(
    parts.length > 0
      ? `CPU per message: ${total} us (${parts.join(', ')})`
      : 'CPU per message: unknown, the adapter has no processes',
  );
  console.log(`rate: ${perSecond} messages/s`);
  console.log(`publish: p50 ${publishMs.p50} ms, p99 ${publishMs.p99} ms`);
  console.log(`publish to arrival: p50 ${arrivalMs.p50} ms, p99 ${arrivalMs.p99} ms`);
  console.log(`lost: ${lost}, duplicates: ${duplicates}`);
  console.log(JSON.stringify(measured));
  return lost > 0 ? 1 : 0;
}

process.exitCode = await run().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  return 1;
});
