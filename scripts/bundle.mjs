// Bundles a program in place, after the compiler: `node ../../scripts/bundle.mjs <file of dist>...` in its folder of
// `apps/`. What Node.js would load from nine hundred files it loads from a few, in a third of the CPU time.
import { readFile } from 'node:fs/promises';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const packages = fileURLToPath(new URL('../packages', import.meta.url));
const dist = join(process.cwd(), 'dist');

/** Files that a module of another package reads from beside itself stay where they are: its address stays its own. */
const ownAddresses = {
  name: 'own-addresses',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path }) => {
      if (!path.startsWith(packages + sep)) return undefined;
      const [name, , ...file] = path.slice(packages.length + 1).split(sep);
      const address = `new URL('${file.join('/')}', import.meta.resolve('@posthorn/${name}')).href`;
      return { contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', address) };
    });
  },
};

/** What modules of a dependency ask for and posthorn does not use: compiling and running it would take CPU time at each start. */
const unused = {
  // Its store in PostgreSQL, the times of its own schedulers, and classes beside `Queue` and `Worker`.
  bullmq:
    /^(cron-parser|\.\/(postgres|(bun-redis|node-redis|valkey-glide)-client|redis-relay-backend|relay(-errors)?))$/,
  express: /^(body-parser|qs|serve-static)$/,
  // Attempts have an adapter of their own, and bodies that are bytes.
  axios: /^(form-data|\.\/(fetch|http|xhr)\.js)$/,
  debug: /^supports-color$/,
  'prom-client': /^(@opentelemetry\/api|\.\/lib\/(cluster|pushgateway))$/,
  // English is not part of it.
  zod: /\/locales\/index\.js$/,
};
const unusedParts = {
  name: 'unused-parts',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /./ }, ({ path, importer }) => {
      const [, name = ''] = /.*[\\/]node_modules[\\/](@?[^@\\/]+)/.exec(importer) ?? [];
      return unused[name]?.test(path) ? { path, namespace: 'unused' } : undefined;
    });
    onLoad({ filter: /.*/, namespace: 'unused' }, () => ({ contents: 'module.exports = {};' }));
  },
};

/** Asking whether there is `FormData` makes Node.js load its own HTTP client, which takes a twentieth of a start. */
const withoutForms = {
  name: 'without-forms',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]axios[\\/]lib[\\/]utils\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text.replace("typeof G.FormData !== 'undefined' ? G.FormData : undefined", 'undefined');
      if (contents === text) throw new Error('axios asks for FormData in a way that is not known here.');
      return { contents };
    });
  },
};

/** V8 parses JSON in half the time that it takes for the same text as a program. */
const parsedJson = {
  name: 'parsed-json',
  setup({ onLoad }) {
    onLoad({ filter: /\.json$/ }, async ({ path }) => {
      const value = JSON.parse(await readFile(path, 'utf8'));
      const text = JSON.stringify(/[\\/]mime-db[\\/]/.test(path) ? keepCharsets(value) : value);
      return { contents: `module.exports = JSON.parse(${JSON.stringify(text)});` };
    });
  },
};

/** Media types that Express asks for: the API names its own, and wants the charset of some. */
function keepCharsets(types) {
  return Object.fromEntries(Object.entries(types).filter(([name, { charset }]) => charset || name === 'text/html'));
}

for (const name of readdirSync(dist)) if (name.startsWith('chunk-')) rmSync(join(dist, name));
const { outputFiles } = await build({
  entryPoints: process.argv.slice(2).map((name) => join(dist, name)),
  outdir: dist,
  allowOverwrite: true,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  chunkNames: 'chunk-[hash]',
  // CommonJS modules call it for what is part of Node.js.
  banner: {
    js: "import { createRequire as createBundleRequire } from 'node:module';\nconst require = createBundleRequire(import.meta.url);",
  },
  legalComments: 'none',
  plugins: [ownAddresses, unusedParts, withoutForms, parsedJson],
  write: false,
  logLevel: 'warning',
});

// esbuild leaves other characters in comments and regular expressions, where an escape means the same. With a single one
// of them V8 keeps the whole file, three megabytes, with two bytes per character.
const escape = (unit) => String.raw`\u` + unit.charCodeAt(0).toString(16).padStart(4, '0');
for (const { path, text } of outputFiles) writeFileSync(path, text.replaceAll(/[^\0-\x7f]/g, escape));
