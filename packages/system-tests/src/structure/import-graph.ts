import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

/** Files of the sources by their path from the root of the repository, each with the files that it imports. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Folders below these have a `src`. */
const parents = ['packages', 'apps'];
const importText = /^(?:import|export)\s[^'";]*?from\s*'([^']+)'|^import\s*'([^']+)'|\bimport\('([^']+)'\)/gm;

/** Reads the imports of all sources but tests: those of types, too, which a linter passes over. */
export function readImportGraph(root: string): ImportGraph {
  const folders = parents.flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(parent, name)));
  const files = folders.flatMap((folder) => listSources(root, join(folder, 'src')));
  return new Map(
    files.map((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const names = Array.from(text.matchAll(importText), ([, one, two, three]) => one ?? two ?? three ?? '');
      return [file, names.flatMap((name) => resolveImport(root, file, name))];
    }),
  );
}

function listSources(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.(test|fixture|d)\.ts$/.test(name))
    .map((name) => join(folder, name));
}

function resolveImport(root: string, from: string, name: string): string[] {
  if (name.startsWith('.')) return [normalize(join(dirname(from), name))];
  const [, ours, path = 'index'] = /^@posthorn\/([^/]+)(?:\/(.+))?$/.exec(name) ?? [];
  const file = `packages/${ours}/src/${path}.ts`;
  return ours !== undefined && existsSync(join(root, file)) ? [file] : [];
}

/** A shortest cycle through each file that is on one, without repeating what was found already. */
export function findCycles(graph: ImportGraph): string[][] {
  const cycles: string[][] = [];
  const known = new Set<string>();
  for (const start of graph.keys()) {
    if (known.has(start)) continue;
    const cycle = findPathBack(graph, start);
    if (!cycle) continue;
    cycles.push(cycle);
    for (const file of cycle) known.add(file);
  }
  return cycles;
}

function findPathBack(graph: ImportGraph, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    for (const next of graph.get(file) ?? []) {
      if (next === start) {
        const path = [file];
        for (let at = file; at !== start;) path.unshift((at = cameFrom.get(at) ?? start));
        return path;
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, file);
      queue.push(next);
    }
  }
  return undefined;
}

/** The imports between the folders directly below `folder`. */
export function readFolderGraph(graph: ImportGraph, folder: string): ImportGraph {
  const folders = new Map<string, Set<string>>();
  const folderOf = (file: string) => {
    const [first = '', ...rest] = relative(folder, file).split('/');
    return first === '..' || rest.length === 0 ? undefined : first;
  };
  for (const [file, imports] of graph) {
    const from = folderOf(file);
    if (from === undefined) continue;
    const to = imports.map(folderOf).filter((name) => name !== undefined && name !== from) as string[];
    folders.set(from, new Set([...(folders.get(from) ?? []), ...to]));
  }
  return new Map(Array.from(folders, ([name, to]) => [name, [...to]]));
}
