import { spawn } from 'node:child_process';

/**
 * Ends a process some seconds after this one is gone, however this one went (even by kill -9): a sleeping shell waits
 * for the end of a pipe that only this process holds. Others that the process serves have the seconds to end first.
 *
 * @returns takes it back
 */
export function endWithParent(pid: number): () => void {
  const shell = spawn('/bin/sh', ['-c', 'read -r _; sleep 3; kill -TERM "$0"', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  shell.on('error', () => undefined);
  shell.unref();
  return () => void shell.kill('SIGKILL');
}
