import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stripTypes, workspaceSources } from '../sdk/rollup-plugins.mjs';

// What an earlier build left there would be packed too.
rmSync(fileURLToPath(new URL('dist', import.meta.url)), { recursive: true, force: true });

/** The SDK is bundled in: an installed command line asks no registry for a package of ours. */
export default {
  input: 'src/main.ts',
  external: [/^node:/, 'commander', 'zod'],
  plugins: [workspaceSources, stripTypes],
  treeshake: { moduleSideEffects: false },
  output: { dir: 'dist', format: 'es', chunkFileNames: '[name].js' },
};
