import { openLog, readProcessNumber, runProcess, startProcesses } from '@posthorn/process';
import { readConfig } from './config.ts';

await runProcess(async (giveUp, stopBy) => {
  const config = readConfig();
  const { apis: count, logLevel, shutdownGraceMs } = config;
  if (count > 1 && readProcessNumber() === undefined) {
    const { log } = openLog('api', logLevel);
    return startProcesses({ name: 'API process', count, log, shutdownGraceMs, giveUp, stopBy });
  }
  // A process that only starts others does not load what they need.
  const { runApi } = await import('./run-api.ts');
  return runApi(config);
});
