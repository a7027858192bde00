import { connect } from 'node:net';

/**
 * Writes bytes to a server as they are, and gives what comes back until the connection closes: HTTP clients repair what
 * a test wants broken.
 */
export function rawRequest(url: string, bytes: string | Buffer, endsAfterMs?: number): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let answer = '';
    socket.on('connect', () => {
      socket.write(bytes);
      if (endsAfterMs !== undefined) setTimeout(() => socket.destroy(), endsAfterMs);
    });
    socket.on('data', (data) => (answer += data.toString('latin1')));
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });
}
