// Builds packages without checking types: `node scripts/transpile.mjs <folder>...`. Each file becomes JavaScript by
// itself, in any order; what else a package does to build comes after that. Types are checked by `npm test`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

const compilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ES2022,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
};
const typeChecker = 'tsc -p tsconfig.build.json';

const packages = process.argv.slice(2).map((folder) => {
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const commands = (scripts?.build ?? '').split(' && ');
  const isTranspiled = commands[0] === typeChecker;
  if (isTranspiled) transpile(folder);
  return { folder, commands: isTranspiled ? commands.slice(1) : commands };
});
for (const { folder, commands } of packages) {
  for (const command of commands) {
    execFileSync('/bin/sh', ['-c', command], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, POSTHORN_BUILD_TYPES: 'false' },
    });
  }
  console.log(`built ${folder}`);
}

function transpile(folder) {
  const names = readdirSync(join(folder, 'src'), { recursive: true });
  for (const name of names.filter((name) => name.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(name))) {
    const file = join(folder, 'dist', name.replace(/\.ts$/, '.js'));
    const { outputText } = ts.transpileModule(readFileSync(join(folder, 'src', name), 'utf8'), { compilerOptions });
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, outputText);
  }
}
