import { join } from 'node:path';
import { findCycles, readFolderGraph, readImportGraph } from './import-graph.ts';

const graph = readImportGraph(join(__dirname, '../../../..'));

test('no file imports itself by way of others, types included', () => {
  expect(graph.size).toBeGreaterThan(300);
  expect(findCycles(graph)).toEqual([]);
});

test('no folder of the broker imports another one that imports it', () => {
  const folders = readFolderGraph(graph, 'packages/broker/src');
  expect(folders.get('delivery')).toContain('engine');
  expect(findCycles(folders)).toEqual([]);
});

test('the search finds cycles, and only those', () => {
  const cyclic = new Map([
    ['a', ['b']],
    ['b', ['c']],
    ['c', ['b', 'd']],
    ['d', []],
  ]);
  expect(findCycles(cyclic)).toEqual([['b', 'c']]);
});
