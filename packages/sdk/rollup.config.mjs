import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stripTypes, workspaceSources } from './rollup-plugins.mjs';

const { exports } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const frameworks = Object.keys(exports)
  .map((entry) => entry.replace('./', ''))
  .filter((name) => !['.', 'dist/nextjs', 'package.json'].includes(name));
const input = {
  index: 'src/index.ts',
  ...Object.fromEntries(frameworks.map((name) => [name, `src/frameworks/${name}.ts`])),
};
const shape = { dir: 'dist', chunkFileNames: 'shared-[name].js', hoistTransitiveImports: false };
const external = ['node:stream', 'zod'];
/** `npm start` runs the command line, which needs no types. */
const hasTypes = process.env.POSTHORN_BUILD_TYPES !== 'false';

// What an earlier build left there would be packed too.
rmSync(fileURLToPath(new URL('dist', import.meta.url)), { recursive: true, force: true });

export default [
  {
    input,
    external,
    plugins: [workspaceSources, stripTypes],
    treeshake: { moduleSideEffects: false },
    output: [
      { ...shape, format: 'es' },
      { ...shape, format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: 'shared-[name].cjs' },
    ],
  },
  ...(hasTypes ? [await bundleTypes()] : []),
];

async function bundleTypes() {
  const { dts } = await import('rollup-plugin-dts');
  const plugin = dts({
    tsconfig: 'tsconfig.build.json',
    compilerOptions: { customConditions: [] },
    includeExternal: ['@posthorn/shared'],
  });
  return {
    input,
    external: ['node:stream'],
    plugins: [plugin],
    output: [
      { ...shape, format: 'es', entryFileNames: '[name].d.ts', chunkFileNames: 'shared-[name].d.ts' },
      { ...shape, format: 'es', entryFileNames: '[name].d.cts', chunkFileNames: 'shared-[name].d.cts' },
    ],
  };
}
