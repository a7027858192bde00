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

/** What may be named in these places only. A module of ours that needs one of these asks the place that has it. */
const onlyHere = {
  ioredis: ['packages/broker/src/engine', 'packages/testkit', 'packages/embedded-redis'],
  bullmq: ['packages/broker/src/engine'],
  axios: ['apps/dispatcher/src/transport/send.ts'],
};

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

const forbid = (path, allowed, later = []) => ({
  files: path.endsWith('.ts') ? [path] : [`${path}/**/*.{ts,tsx}`],
  excludeFiles: tests,
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...ours
            .filter((name) => !allowed.includes(name))
            .map((name) => ({
              group: [`@posthorn/${name}`, `@posthorn/${name}/**`],
              message: 'See the table of imports in docs/architecture.md.',
            })),
          { group: ['@posthorn/broker/parts'], message: 'Insides of the broker are for tests; use its doors.' },
          ...Object.entries(onlyHere)
            .filter(([, places]) => !places.some((place) => path.startsWith(place)))
            .map(([name, places]) => ({ group: [name, `${name}/**`], message: `Only ${places.join(', ')} may.` })),
          ...(['packages/shared', 'packages/sdk'].includes(path) ? [nodeModules] : []),
          ...later.map((folder) => ({ group: [`**/${folder}/**`], message: `It comes before ${folder}.` })),
        ],
      },
    ],
  },
});

const asErrors = (names) => Object.fromEntries(names.map((name) => [name, 'error']));

export default {
  plugins: ['typescript'],
  categories: { correctness: 'error' },
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  // The applications of other frameworks are checked by their own tools (`npm run test:frameworks`).
  ignorePatterns: ['**/dist/**', '**/data/**', 'coverage/**', 'examples/frameworks/**'],
  rules: asErrors([
    'no-case-declarations',
    'no-empty',
    'no-fallthrough',
    'no-prototype-builtins',
    'no-redeclare',
    'no-regex-spaces',
    'no-undef',
    'no-unexpected-multiline',
    'no-useless-assignment',
    'preserve-caught-error',
  ]),
  overrides: [
    // They print whatever they are given.
    { files: ['**/*.mjs'], env: { node: true }, rules: { 'typescript/restrict-template-expressions': 'off' } },
    { files: ['apps/console/src/*.js'], env: { browser: true } },
    {
      files: ['**/*.ts', '**/*.tsx'],
      rules: {
        ...asErrors([
          'eqeqeq',
          'no-console',
          'no-var',
          'prefer-const',
          'prefer-rest-params',
          'prefer-spread',
          'no-array-constructor',
          'no-empty-function',
          'no-useless-constructor',
          'typescript/adjacent-overload-signatures',
          'typescript/array-type',
          'typescript/ban-tslint-comment',
          'typescript/class-literal-property-style',
          'typescript/consistent-generic-constructors',
          'typescript/consistent-indexed-object-style',
          'typescript/consistent-type-assertions',
          'typescript/consistent-type-definitions',
          'typescript/consistent-type-imports',
          'typescript/dot-notation',
          'typescript/no-confusing-non-null-assertion',
          'typescript/no-deprecated',
          'typescript/no-dynamic-delete',
          'typescript/no-explicit-any',
          'typescript/no-extraneous-class',
          'typescript/no-generated-empty-object-type',
          'typescript/no-inferrable-types',
          'typescript/no-invalid-void-type',
          'typescript/no-misused-promises',
          'typescript/no-mixed-enums',
          'typescript/no-namespace',
          'typescript/no-non-null-asserted-nullish-coalescing',
          'typescript/no-non-null-assertion',
          'typescript/no-require-imports',
          'typescript/no-unnecessary-boolean-literal-compare',
          'typescript/no-unnecessary-condition',
          'typescript/no-unnecessary-template-expression',
          'typescript/no-unnecessary-type-arguments',
          'typescript/no-unnecessary-type-assertion',
          'typescript/no-unnecessary-type-constraint',
          'typescript/no-unnecessary-type-conversion',
          'typescript/no-unnecessary-type-parameters',
          'typescript/no-unsafe-argument',
          'typescript/no-unsafe-assignment',
          'typescript/no-unsafe-call',
          'typescript/no-unsafe-enum-assignment',
          'typescript/no-unsafe-enum-comparison',
          'typescript/no-unsafe-function-type',
          'typescript/no-unsafe-member-access',
          'typescript/no-unsafe-return',
          'typescript/non-nullable-type-assertion-style',
          'typescript/only-throw-error',
          'typescript/prefer-find',
          'typescript/prefer-for-of',
          'typescript/prefer-function-type',
          'typescript/prefer-includes',
          'typescript/prefer-literal-enum-member',
          'typescript/prefer-optional-chain',
          'typescript/prefer-promise-reject-errors',
          'typescript/prefer-reduce-type-parameter',
          'typescript/prefer-regexp-exec',
          'typescript/prefer-return-this-type',
          'typescript/prefer-string-starts-ends-with',
          'typescript/related-getter-setter-pairs',
          'typescript/require-await',
          'typescript/unified-signatures',
          'typescript/use-unknown-in-catch-callback-variable',
        ]),
        'typescript/ban-ts-comment': ['error', { minimumDescriptionLength: 10 }],
        'typescript/return-await': ['error', 'error-handling-correctness-only'],
        'typescript/restrict-plus-operands': [
          'error',
          {
            allowAny: false,
            allowBoolean: false,
            allowNullish: false,
            allowNumberAndString: false,
            allowRegExp: false,
          },
        ],
        'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
        'typescript/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
        // An empty text means the same as none in many places of the wire.
        'typescript/prefer-nullish-coalescing': ['error', { ignorePrimitives: { string: true } }],
        'typescript/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
        'typescript/no-empty-object-type': ['error', { allowObjectTypes: 'always' }],
        'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
        // The compiler knows the names, and which of them may be declared again.
        'no-redeclare': 'off',
        'no-undef': 'off',
        // Control characters are matched to keep them out of headers and terminals.
        'no-control-regex': 'off',
        // Parts are closures, not classes: their functions have no `this`.
        'typescript/unbound-method': 'off',
        // Texts are sorted as they are.
        'typescript/require-array-sort-compare': 'off',
      },
    },
    // They are programs at a terminal.
    { files: ['packages/system-tests/**', 'apps/local/**', 'examples/**'], rules: { 'no-console': 'off' } },
    {
      files: ['packages/sdk/src/*.{test,fixture}.ts', 'packages/system-tests/src/clients/**'],
      // Programs in use still make deprecated calls.
      rules: { 'typescript/no-deprecated': 'off' },
    },
    {
      files: ['**/*.ts'],
      excludeFiles: [
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
    // Of two that match a file, the later one holds alone.
    ...Object.entries(mayImport).map(([path, allowed]) => forbid(path, allowed)),
    ...brokerLayers.flatMap((layer, index) =>
      layer.map((folder) =>
        forbid(`packages/broker/src/${folder}`, mayImport['packages/broker'], brokerLayers.slice(index + 1).flat()),
      ),
    ),
    forbid('apps/dispatcher/src/transport/send.ts', mayImport['apps/dispatcher']),
    {
      files: tests,
      // A stand-in may be an async function that waits for nothing.
      rules: { 'typescript/require-await': 'off' },
    },
  ],
};
