// The static part of the checks, two at a time (there are two cores at worst), longest first.
// Output is shown for what failed only.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// Kept by file: a changed type can break a rule in another file unseen. CI begins without caches.
const eslintCache = join('node_modules', '.cache', 'eslint/');

const CHECKS = [
  ['eslint', 'eslint', '--cache', '--cache-location', eslintCache, '--max-warnings', '0', '.'],
  ['types', 'tsc', '-p', 'tsconfig.json'],
  ['prettier', 'prettier', '--check', '--log-level', 'warn', '--cache', '.'],
  ['dead code', 'knip'],
  ['layers', process.execPath, join('scripts', 'check-layers.mjs')],
  ['guards', 'vitest', 'run', '--project', 'guards'],
];

const waiting = [...CHECKS];
const failed = [];
await Promise.all([work(), work()]);
if (failed.length > 0) {
  process.stderr.write(`\ncheck failed: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}

async function work() {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
    const [name, command, ...args] = check;
    const startedMs = performance.now();
    const { status, output } = await run(command, args);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    process.stdout.write(`${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`);
    if (status === 0) continue;
    process.stdout.write(`${output}\n`);
    failed.push(name);
  }
}

function run(command, args) {
  const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` };
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}
