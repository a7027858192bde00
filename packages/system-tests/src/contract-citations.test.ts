import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

const root = resolve(__dirname, '../../..');
const contract = join(root, 'docs/contract');
/** Each page of the contract has rules of one letter. */
const pages = {
  'transport.md': 'T',
  'errors.md': 'E',
  'headers.md': 'H',
  'endpoints.md': 'P',
  'objects.md': 'O',
  'delivery.md': 'D',
  'signatures.md': 'S',
  'log-and-dead-letters.md': 'L',
  'limits.md': 'M',
  'client.md': 'C',
  'server.md': 'R',
  'workflows.md': 'W',
};

const rules = Object.entries(pages).flatMap(([page, letter]) =>
  listRules(readFileSync(join(contract, page), 'utf8')).map((rule) => ({ page, letter, rule })),
);
const known = new Set(rules.map(({ rule }) => rule));

test('every page of the contract has a letter, and its rules begin with it', () => {
  const found = readdirSync(contract).filter((name) => name !== 'README.md');
  expect(found.sort()).toEqual(Object.keys(pages).sort());
  expect(rules.filter(({ rule, letter }) => !rule.startsWith(letter))).toEqual([]);
  for (const page of Object.keys(pages)) expect(rules.some((rule) => rule.page === page)).toBe(true);
});

test('no number is used by two rules', () => {
  const twice = rules.map(({ rule }) => rule).filter((rule, index, all) => all.indexOf(rule) !== index);
  expect(twice).toEqual([]);
});

test('every rule that is cited exists', () => {
  const cited = ['apps', 'packages', 'scripts', 'examples', 'docs'].flatMap((folder) => listFiles(join(root, folder)));
  const wrong = cited.flatMap((file) => {
    const { citations, malformed } = findCitations(readFileSync(file, 'utf8'));
    const unknown = citations.filter((rule) => !known.has(rule));
    return [...unknown, ...malformed].map((citation) => `${relative(root, file)}: ${citation}`);
  });
  expect(wrong).toEqual([]);
});

test.each([
  ['(contract D1)', ['D1'], []],
  ['/** Text (contract D1, H12): more. */', ['D1', 'H12'], []],
  ['/**\n * Text (contract\n * D1,\n * H12).\n */', ['D1', 'H12'], []],
  ['// Text (contract\n// D1).', ['D1'], []],
  ['(contract, delivery.md section 1)', [], ['(contract, delivery.md section 1)']],
  ['(contract D1 and D2)', ['D1'], ['(contract D1 and D2)']],
  ['The contract is zod.', [], []],
])('finds the citations in %j', (text, citations, malformed) => {
  expect(findCitations(text)).toEqual({ citations, malformed });
});

/** The numbers of the rules that a page of the contract states. */
function listRules(text: string): string[] {
  return [...text.matchAll(/^#### ([A-Z]\d+)$/gm)].map(([, rule = '']) => rule);
}

/** Rules that a text cites, and citations that are not of the form `(contract D12, D14)`. */
function findCitations(text: string): { citations: string[]; malformed: string[] } {
  const unwrapped = text.replace(/\n[ \t]*(?:\*(?!\/)|\/\/|#|--)?[ \t]*/g, ' ');
  const citations: string[] = [];
  const malformed: string[] = [];
  for (const [citation, list = ''] of unwrapped.matchAll(/\(contract([ ,][^()]{0,80})\)/g)) {
    citations.push(...(/^ [A-Z]\d+(?:, [A-Z]\d+)*/.exec(list)?.[0].match(/[A-Z]\d+/g) ?? []));
    if (!/^ [A-Z]\d+(?:, [A-Z]\d+)*$/.test(list)) malformed.push(citation);
  }
  return { citations, malformed };
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : listFiles(path);
    return /\.(ts|mts|mjs|js|py|lua|md)$/.test(entry.name) &&
      path !== __filename &&
      path !== join(contract, 'README.md')
      ? [path]
      : [];
  });
}

const skipped = new Set(['node_modules', 'dist', '.turbo']);
