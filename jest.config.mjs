/** Tests run on the sources: swc takes the types off, the export condition finds the sources of other packages. */
const common = {
  rootDir: import.meta.dirname,
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['@posthorn/source', 'node', 'require', 'default'] },
  // The manifest of the SDK is published as it is, so that it cannot have the condition.
  moduleNameMapper: {
    '^@posthorn/sdk$': '<rootDir>/packages/sdk/src/index.ts',
    '^@posthorn/sdk/(.*)$': '<rootDir>/packages/sdk/src/frameworks/$1.ts',
  },
  transform: {
    '\\.[jt]s$': [
      '@swc/jest',
      {
        jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  // jose ships only ECMAScript modules.
  transformIgnorePatterns: ['/node_modules/(?!.*jose)'],
  modulePathIgnorePatterns: ['/dist/'],
};

/** Of tests of real processes, whose replies are checked. */
const processes = { ...common, testEnvironment: '<rootDir>/packages/testkit/dist/jest-environment.js' };

const where = '<rootDir>/{apps,packages}/**';

export default {
  maxWorkers: 2,
  // Conditions are waited for; this only ends a test whose condition never holds.
  testTimeout: 120_000,
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: [`${where}/src/**/*.test.ts`],
      testPathIgnorePatterns: ['\\.int\\.test\\.ts$', '/system-tests/src/e2e/'],
    },
    { ...processes, displayName: 'integration', testMatch: [`${where}/src/**/*.int.test.ts`] },
    { ...processes, displayName: 'examples', testMatch: ['<rootDir>/examples/**/*.test.ts'] },
    { ...processes, displayName: 'browser', testMatch: ['<rootDir>/apps/console/tests/**/*.test.ts'] },
    { ...processes, displayName: 'e2e', testMatch: ['<rootDir>/packages/system-tests/src/e2e/**/*.test.ts'] },
  ],
};
