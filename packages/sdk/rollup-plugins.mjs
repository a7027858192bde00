// What the SDK and the command line are bundled with.
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** Takes the types off; nothing in the sources needs more. */
export const stripTypes = {
  name: 'strip-types',
  transform: (code, id) =>
    id.endsWith('.ts')
      ? ts.transpileModule(code, { compilerOptions: { target: 'es2022', module: 'esnext', removeComments: true } })
          .outputText
      : null,
};

/** Packages of the workspace are bundled in, from their sources, as far as they are used. */
export const workspaceSources = {
  name: 'workspace-sources',
  resolveId(id) {
    const name = /^@posthorn\/(\w+)$/.exec(id)?.[1];
    return name ? fileURLToPath(new URL(`../${name}/src/index.ts`, import.meta.url)) : null;
  },
};
