import js from '@eslint/js';
import globals from 'globals';
import tseslint from 'typescript-eslint';

/** Who may import whom: a package, and the packages of ours that it may name. Tests may also use the testkit. */
const mayImport = {
  'packages/shared': [],
  'packages/sdk': ['shared'],
  'packages/cli': ['sdk'],
  'packages/process': [],
  'packages/broker': ['shared', 'process'],
  'packages/embedded-redis': ['process'],
  // Of the contract it takes the OpenAPI document, against which it checks every reply.
  'packages/testkit': ['embedded-redis', 'shared'],
  'apps/api': ['shared', 'process', 'broker'],
  'apps/dispatcher': ['shared', 'process', 'broker'],
  // Types, and the formatting of durations and destinations: no other rule of the contract runs in the browser.
  'apps/console': ['shared'],
  'apps/local': ['shared', 'process', 'embedded-redis'],
};

/** What may be named only here. A module of ours that needs one of these asks the file that has it. */
const onlyHere = [
  { names: ['ioredis'], files: ['packages/broker/src/engine/**', 'packages/testkit/**', 'packages/embedded-redis/**'] },
  { names: ['bullmq'], files: ['packages/broker/src/engine/**'] },
  { names: ['axios'], files: ['apps/dispatcher/src/transport/send.ts'] },
];

/**
 * Inside the broker, a later layer may import an earlier one and never back. Cycles of files and folders, those of type
 * imports included, are found by packages/system-tests/src/structure/import-graph.test.ts.
 */
const brokerLayers = [
  ['destinations'],
  ['engine'],
  ['views', 'url-groups', 'signing-keys', 'rate-limits', 'sessions'],
  ['intake'],
  ['delivery'],
  ['schedules', 'workflows'],
];

const ours = [
  'shared',
  'process',
  'broker',
  'sdk',
  'testkit',
  'embedded-redis',
  'cli',
  'system-tests',
  'api',
  'dispatcher',
  'local',
  'console',
];
const tests = ['**/*.test.ts', '**/*.fixture.ts', 'apps/console/tests/**', 'packages/system-tests/**', 'examples/**'];
const nodeModules = { group: ['node:*'], message: 'This package also runs in a browser.' };

const outsideOf = (allowed) =>
  ours
    .filter((name) => !allowed.includes(name))
    .map((name) => ({ group: [`@posthorn/${name}`], message: 'See the table of imports in docs/architecture.md.' }));

const restrict = (patterns) => ({ '@typescript-eslint/no-restricted-imports': ['error', { patterns }] });

const onlyHerePatterns = (file) =>
  onlyHere
    .filter(({ files }) => !files.some((allowed) => allowed.startsWith(file) || file === allowed))
    .map(({ names }) => ({
      group: names,
      message: `Only ${onlyHere.find((row) => row.names === names)?.files.join(', ')} may.`,
    }));

export default tseslint.config(
  // The applications of other frameworks are checked by their own tools (`npm run test:frameworks`).
  { ignores: ['**/dist/**', '**/data/**', 'coverage/**', 'examples/frameworks/**'] },
  js.configs.recommended,
  {
    files: ['**/*.mjs'],
    languageOptions: { globals: globals.node },
  },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    // One program for all packages, as for `npm run check-types`: one for each takes three times as long.
    languageOptions: {
      parserOptions: {
        project: ['tsconfig.check.json', 'apps/console/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // An empty text means the same as none in many places of the wire.
      '@typescript-eslint/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-empty-object-type': ['error', { allowObjectTypes: 'always' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Control characters are matched to keep them out of headers and terminals.
      'no-control-regex': 'off',
      // Parts are closures, not classes: their functions have no `this`.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  { files: ['examples/**/*.ts'], languageOptions: { parserOptions: { project: 'examples/*/tsconfig.json' } } },
  // They are programs at a terminal.
  { files: ['packages/system-tests/**', 'apps/local/**', 'examples/**'], rules: { 'no-console': 'off' } },
  {
    files: ['packages/sdk/src/*.{test,fixture}.ts', 'packages/system-tests/src/clients/**'],
    // Programs in use still make deprecated calls.
    rules: { '@typescript-eslint/no-deprecated': 'off' },
  },
  {
    files: ['**/*.ts'],
    ignores: [
      'apps/*/src/config.ts',
      'packages/cli/src/config.ts',
      ...tests,
      'packages/sdk/**',
      'packages/testkit/**',
      'packages/embedded-redis/**',
      'examples/**',
    ],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'The environment is read in config.ts of an app.' },
      ],
    },
  },
  ...Object.entries(mayImport).map(([file, allowed]) => ({
    files: [`${file}/src/**/*.{ts,tsx}`],
    ignores: tests,
    rules: restrict([
      ...outsideOf([...allowed, file.split('/')[1]]),
      ...onlyHerePatterns(file),
      { group: ['@posthorn/broker/parts'], message: 'Insides of the broker are for tests; use its doors.' },
      ...(['packages/shared', 'packages/sdk'].includes(file) ? [nodeModules] : []),
    ]),
  })),
  ...brokerLayers.flatMap((layer, index) =>
    layer.map((folder) => ({
      files: [`packages/broker/src/${folder}/**/*.ts`],
      ignores: tests,
      rules: restrict([
        ...outsideOf(['shared', 'process']),
        ...(folder === 'engine' ? [] : [{ group: ['ioredis'], message: 'Only packages/broker/src/engine may.' }]),
        ...brokerLayers
          .slice(index + 1)
          .flat()
          .map((later) => ({ group: [`**/${later}/**`], message: `${folder} comes before ${later}.` })),
      ]),
    })),
  ),
  ...onlyHere.flatMap(({ names }) =>
    names.includes('bullmq')
      ? [
          {
            files: ['packages/broker/src/**/*.ts'],
            ignores: ['packages/broker/src/engine/**', ...tests],
            rules: { 'no-restricted-imports': ['error', { paths: ['bullmq'] }] },
          },
        ]
      : [],
  ),
  {
    files: ['apps/dispatcher/src/**/*.ts'],
    ignores: ['apps/dispatcher/src/transport/send.ts', ...tests],
    rules: { 'no-restricted-imports': ['error', { paths: ['axios'] }] },
  },
  {
    files: tests,
    languageOptions: { globals: globals.jest },
    // A stand-in may be an async function that waits for nothing.
    rules: { '@typescript-eslint/require-await': 'off' },
  },
);
