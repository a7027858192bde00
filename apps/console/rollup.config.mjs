// Bundles the console into static files, each also compressed, under names that change with their content.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { transform, transformSync } from 'esbuild';

const folder = fileURLToPath(new URL('.', import.meta.url));
const dist = join(folder, 'dist');
rmSync(dist, { recursive: true, force: true });

const target = 'es2022';
const minify = (loader, text) => transformSync(text, { loader, target, minify: true }).code;

/** Takes the types off, turns elements into calls, and leaves out what only a reader of the source needs. */
const compile = {
  name: 'compile',
  async transform(text, id) {
    const loader = /\.(tsx?)$/.exec(id)?.[1];
    if (!loader) return null;
    return (await transform(text, { loader, target, jsx: 'automatic', jsxImportSource: 'preact' })).code;
  },
  // The hint has Chromium compile all functions while it loads them, not one by one when a page is opened.
  renderChunk: async (text) =>
    `//# allFunctionsCalledOnLoad\n${(await transform(text, { target, format: 'esm', minify: true })).code}`,
};

/** The modules of the contract that run in the browser. */
const sharedModules = {
  '@posthorn/shared/format-destination': '../../packages/shared/src/headers/format-destination.ts',
  '@posthorn/shared/format-duration': '../../packages/shared/src/message/format-duration.ts',
};

/** Finds preact and these modules. */
const packages = {
  name: 'packages',
  resolveId(id) {
    const shared = sharedModules[id];
    if (shared) return fileURLToPath(new URL(shared, import.meta.url));
    if (!/^preact(\/|$)/.test(id)) return null;
    const manifest = createRequire(import.meta.url).resolve('preact/package.json');
    const { exports } = JSON.parse(readFileSync(manifest, 'utf8'));
    const entry = exports[id.replace(/^preact/, '.')];
    return join(dirname(manifest), entry.import ?? entry.default);
  },
};

/** Writes the page, the style sheet and the compressed forms. */
const pages = {
  name: 'pages',
  generateBundle(_options, bundle) {
    const emit = (name, text) => {
      const ending = name.slice(name.lastIndexOf('.'));
      const hash = createHash('sha256').update(text).digest('base64url').replace(/[-_]/g, '').slice(0, 10);
      const fileName = `assets/${name.slice(0, -ending.length)}-${hash}${ending}`;
      this.emitFile({ type: 'asset', fileName, source: text });
      return fileName;
    };
    const style = emit('console.css', minify('css', readFileSync(join(folder, 'src/console.css'), 'utf8')));
    const first = emit('first.js', minify('js', readFileSync(join(folder, 'src/first.js'), 'utf8')));
    const icon = emit('icon.svg', readFileSync(join(folder, 'src/icon.svg'), 'utf8'));
    const main = Object.values(bundle).find((chunk) => chunk.type === 'chunk' && chunk.isEntry);
    const page = readFileSync(join(folder, 'src/index.html'), 'utf8')
      .replace('{{style}}', style)
      .replace('{{first}}', first)
      .replace('{{icon}}', icon)
      .replace('{{main}}', main.fileName)
      .replace(
        '{{preload}}',
        main.imports.map((file) => `<link rel="modulepreload" href="/console/${file}">`).join(''),
      );
    this.emitFile({ type: 'asset', fileName: 'index.html', source: page });
  },
  writeBundle(_options, bundle) {
    for (const name of Object.keys(bundle)) {
      const plain = readFileSync(join(dist, name));
      writeFileSync(join(dist, `${name}.gz`), gzipSync(plain, { level: 9 }));
      writeFileSync(join(dist, `${name}.br`), brotliCompressSync(plain));
    }
  },
};

mkdirSync(dist, { recursive: true });
export default {
  input: 'src/main.tsx',
  plugins: [packages, compile, pages],
  output: {
    dir: 'dist',
    format: 'es',
    entryFileNames: 'assets/[name]-[hash].js',
    chunkFileNames: 'assets/[name]-[hash].js',
    // What only a few pages share is small, and costs a round trip of its own.
    experimentalMinChunkSize: 4000,
  },
};
