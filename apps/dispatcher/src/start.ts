import { openLog, readProcessNumber, runProcess, startProcesses } from '@posthorn/process';
import { readConfig } from './config.ts';

await runProcess(async (giveUp, stopBy) => {
  const config = readConfig();
  const { dispatchers: count, logLevel, shutdownGraceMs } = config;
  if (count > 1 && readProcessNumber() === undefined) {
    const { log } = openLog('dispatcher', logLevel);
    return startProcesses({ name: 'dispatcher', count, log, shutdownGraceMs, giveUp, stopBy });
  }
  // A process that only starts others does not load what they need.
  const { runDispatcher } = await import('./run-dispatcher.ts');
  return runDispatcher(config, giveUp);
});
