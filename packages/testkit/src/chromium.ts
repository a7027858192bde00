import { existsSync } from 'node:fs';

/** Where distributions put Chromium. Its build without windows takes less than half of the CPU time of the other. */
const paths = [
  '/usr/bin/chromium-headless-shell',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
];

/** The program of the Chromium that tests use: what `CHROMIUM` names, or one that is installed; `undefined` without one. */
export function findChromium(): string | undefined {
  return process.env['CHROMIUM'] ?? paths.find((path) => existsSync(path));
}
