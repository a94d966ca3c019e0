// What the house style (CONTRIBUTING.md) can have a machine check, file by file. The rules that
// span files (layers, cycles, dead code) are in dependency-cruiser.config.mjs and knip.config.ts.
import tseslint from 'typescript-eslint';

const TESTS = ['src/**/*.test.ts', 'test/**/*.ts', 'test/**/*.test-d.ts'];
/** Composition roots: the only places that may end the process or write to its streams directly. */
const ROOTS = [
  'src/main/**/*.ts',
  'src/cli/**/*.ts',
  'src/agent/main.ts',
  'src/provisioner/drivers/process/supervisor/main.ts',
];
const ENVIRONMENT_READERS = [
  'src/base/**/*.ts',
  'src/config/**/*.ts',
  'src/main/**/*.ts',
  'src/agent/main.ts',
  'src/provisioner/drivers/process/supervisor/main.ts',
];

const wildcardExport = {
  selector: 'ExportAllDeclaration',
  message: 'Name what is exported: a wildcard re-export hides where things live.',
};
const ambientTimeAndChance = [
  {
    selector: "MemberExpression[object.name='Date'][property.name='now']",
    message: 'Ambient time: use kit.clock.now(), or the database for anything shared.',
  },
  {
    selector: "NewExpression[callee.name='Date'][arguments.length=0]",
    message: 'Ambient time: use kit.clock.now(), or the database for anything shared.',
  },
  {
    selector: "CallExpression[callee.name='Date']",
    message: 'Ambient time: use kit.clock.now(), or the database for anything shared.',
  },
  {
    selector: "MemberExpression[object.name='Math'][property.name='random']",
    message: 'Ambient randomness: use kit.rng.',
  },
  {
    selector: "MemberExpression[object.name='AbortSignal'][property.name='timeout']",
    message: 'A hidden timer: use kit.clock.sleep with an AbortController.',
  },
];
const ambientEnvironment = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message: 'Only src/config reads the environment; take the value as a parameter.',
};
const processEnd = {
  selector: "MemberExpression[object.name='process'][property.name=/^(exit|exitCode|abort)$/]",
  message: 'Only a composition root (main, cli) ends the process; throw an AppError instead.',
};
const focusedTest = {
  selector: 'MemberExpression[object.name=/^(it|test|describe)$/][property.name=/^(only|todo)$/]',
  message: 'A focused or empty test hides the others.',
};

const hastyWait = {
  selector: "CallExpression[callee.object.name='vi'][callee.property.name=/^(waitFor|waitUntil)$/]",
  message: 'Gives up after a second: use until() of test/support/until.ts, or expect.poll().',
};

const timerGlobals = ['setTimeout', 'setInterval', 'setImmediate', 'performance'].map((name) => ({
  name,
  message: 'Use kit.clock: ambient timers and clocks live in src/base only.',
}));
const randomGlobals = [{ name: 'crypto', message: 'Use kit.rng, or import from node:crypto.' }];

const relativeJs = {
  regex: String.raw`^\.{1,2}/.*\.js$`,
  message: 'Import the source by its own name: ./x.ts.',
};
const ambientImports = {
  paths: [
    ...['node:timers', 'node:timers/promises', 'timers', 'timers/promises'].map((name) => ({
      name,
      message: 'Use kit.clock.',
    })),
    {
      name: 'node:perf_hooks',
      importNames: ['performance'],
      message: 'Use kit.clock.monotonicMs().',
    },
    { name: 'node:process', message: 'Use the global, so that the rules for it apply.' },
    {
      name: 'node:crypto',
      importNames: ['randomBytes', 'randomUUID', 'randomInt', 'randomFill', 'randomFillSync'],
      message: 'Ambient randomness: use kit.rng (and createId for ids).',
    },
  ],
  patterns: [relativeJs],
};

/** A reminder without an issue is forgotten. */
const todoNeedsIssue = {
  create: (context) => ({
    Program: () => {
      for (const comment of context.sourceCode.getAllComments()) {
        if (/\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))/.test(comment.value)) {
          context.report({ node: comment, message: 'Write TODO(#n) with the number of an issue.' });
        }
      }
    },
  }),
};

const syntax = (...bans) => ['error', wildcardExport, ...bans.flat()];

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', 'templates/**'] },
  {
    // No inline exceptions: a rule that needs one is changed here, where it is seen.
    linterOptions: { noInlineConfig: true },
    plugins: { standby: { rules: { 'todo-needs-issue': todoNeedsIssue } } },
    rules: {
      'standby/todo-needs-issue': 'error',
      eqeqeq: 'error',
      'no-async-promise-executor': 'error',
      'no-cond-assign': 'error',
      'no-constant-binary-expression': 'error',
      'no-debugger': 'error',
      'no-empty': 'error',
      'no-fallthrough': 'error',
      'no-param-reassign': 'error',
      'no-self-compare': 'error',
      'no-template-curly-in-string': 'error',
      'no-unmodified-loop-condition': 'error',
      'no-unreachable-loop': 'error',
      'no-unsafe-finally': 'error',
      'no-useless-escape': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'no-restricted-exports': [
        'error',
        {
          restrictDefaultExports: {
            direct: true,
            named: true,
            defaultFrom: true,
            namedFrom: true,
            namespaceFrom: true,
          },
        },
      ],
    },
  },
  {
    // Scripts and the launcher: plain JavaScript, held to the rules above.
    files: ['**/*.{js,mjs}', 'bin/standby'],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/array-type': ['error', { default: 'array' }],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/prefer-nullish-coalescing': 'error',
      '@typescript-eslint/prefer-optional-chain': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      // `createId<PoolId>(kit)`: the caller names the brand that the id gets.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // `async` without `await` turns a throw into a rejection, which is what a caller of a
      // function that returns a promise must be able to rely on.
      '@typescript-eslint/require-await': 'off',
      'no-restricted-syntax': syntax(),
      'no-restricted-imports': ['error', { patterns: [relativeJs] }],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: TESTS,
    rules: {
      '@typescript-eslint/max-params': ['error', { max: 3 }],
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'no-console': 'error',
      'no-restricted-globals': ['error', ...timerGlobals, ...randomGlobals],
      'no-restricted-imports': ['error', ambientImports],
      'no-restricted-syntax': syntax(ambientTimeAndChance, ambientEnvironment, processEnd),
    },
  },
  {
    files: ENVIRONMENT_READERS,
    ignores: TESTS,
    rules: { 'no-restricted-syntax': syntax(ambientTimeAndChance, processEnd) },
  },
  {
    files: ROOTS,
    ignores: TESTS,
    rules: {
      'no-console': 'off',
      'no-restricted-syntax': syntax(ambientTimeAndChance, ambientEnvironment),
    },
  },
  {
    // A composition root that also reads the environment.
    files: ROOTS.filter((glob) => ENVIRONMENT_READERS.includes(glob)),
    ignores: TESTS,
    rules: { 'no-restricted-syntax': syntax(ambientTimeAndChance) },
  },
  {
    files: ['src/base/**/*.ts'],
    ignores: TESTS,
    rules: {
      'no-restricted-globals': 'off',
      'no-restricted-imports': ['error', { patterns: [relativeJs] }],
      'no-restricted-syntax': syntax(processEnd),
    },
  },
  {
    files: TESTS,
    rules: {
      'max-lines': ['error', { max: 600, skipBlankLines: true, skipComments: true }],
      'no-restricted-syntax': syntax(focusedTest, hastyWait),
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Matchers and parsed answers are `any`; a wrong guess about them fails the test itself.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['test/support/until.ts'],
    rules: { 'no-restricted-syntax': syntax(focusedTest) },
  },
  {
    files: ['**/*.generated.ts'],
    rules: { 'max-lines': 'off' },
  },
  {
    // Tools that load a configuration file take its default export.
    files: ['*.config.{js,mjs,ts}'],
    rules: { 'no-restricted-exports': 'off' },
  },
);
