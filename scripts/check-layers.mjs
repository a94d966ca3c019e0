// Runs dependency-cruiser, and fails too when it did not see every source file (it once reported
// "no violations" for a TypeScript version that it could not read).
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Far below what there is: catches a src/ that is empty or was moved. */
const LEAST_MODULES = 150;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { modules, summary } = cruise();
const seen = new Set(modules.map((module) => module.source));
const missed = sourceFiles().filter((path) => !seen.has(path));

const comments = new Map(summary.ruleSetUsed.forbidden.map(({ name, comment }) => [name, comment]));
for (const { rule, from, to, cycle } of summary.violations) {
  const way =
    cycle === undefined ? `${from} → ${to}` : [from, ...cycle.map((c) => c.name)].join(' → ');
  fail(`${rule.name}: ${way}\n  ${comments.get(rule.name)}`);
}
for (const path of missed) fail(`not seen: ${path}`);
if (seen.size < LEAST_MODULES) fail(`saw ${seen.size} modules, expected ${LEAST_MODULES} at least`);
if (process.exitCode === undefined)
  process.stdout.write(`layers: ${seen.size} modules, no violation\n`);

function cruise() {
  const args = ['src', '--config', 'dependency-cruiser.config.mjs', '--output-type', 'json'];
  const tool = join(root, 'node_modules', '.bin', 'depcruise');
  return JSON.parse(execFileSync(tool, args, { cwd: root, maxBuffer: 2 ** 28 }));
}

function sourceFiles() {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(?<!\.test)\.ts$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
