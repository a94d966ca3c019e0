// Plants every known fault (mutations/), each in a copy of the tree, and runs the test that has to
// notice it: `npm run mutations`, or `npm run mutations -- lease claim` for those with such a word in their
// name.
// All copies are projects of one vitest run, so that they share one PostgreSQL.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPackageRoot } from '../src/base/package-root.ts';
import { mutations } from './mutations/all.ts';
import { applyChanges, type Mutation, type NamedTest } from './mutations/mutation.ts';

const repository = findPackageRoot();
const COPIED = ['src', 'test', 'migrations', 'package.json', 'tsconfig.json'];

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const words = process.argv.slice(2);
const chosen = mutations.filter(
  ({ fault }) => words.length === 0 || words.some((word) => fault.includes(word)),
);
if (chosen.length === 0) throw new Error(`no fault is named like ${words.join(' ')}`);
const folder = mkdtempSync(join(tmpdir(), 'standby-mutations-'));
try {
  const report = runAll();
  const survived = chosen.filter((mutation, n) => !isNoticed(report, mutation, n));
  process.stdout.write(`${chosen.length - survived.length} noticed, ${survived.length} survived\n`);
  if (survived.length > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function runAll(): Report {
  const unchanged = plant('unchanged', []);
  const projects = [
    // What fails without any fault shows nothing when it fails with one.
    projectOf(unchanged, [...new Set(chosen.map(({ noticedBy }) => noticedBy.file))]),
    ...chosen.map(({ changes, noticedBy }, n) =>
      projectOf(plant(String(n), changes), [noticedBy.file]),
    ),
  ];
  const config = join(folder, 'vitest.config.mjs');
  const reportFile = join(folder, 'report.json');
  const test = { maxWorkers: 2, projects };
  writeFileSync(config, `export default ${JSON.stringify({ test })};\n`);
  const titles = [...new Set(chosen.map(({ noticedBy }) => noticedBy.title))];
  const pattern = titles.map((title) => title.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  const { stderr } = spawnSync(
    process.execPath,
    [
      join(repository, 'node_modules', 'vitest', 'vitest.mjs'),
      ...['run', '--root', folder, '--config', config],
      ...['--reporter', 'json', '--outputFile', reportFile, '-t', `(${pattern.join('|')})$`],
    ],
    { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] },
  );
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8')) as Report;
  } catch (cause) {
    throw new Error(`vitest left no report:\n${stderr}`, { cause });
  }
}

/** A copy of the tree with the fault in it. */
function plant(name: string, changes: Mutation['changes']): string {
  const copy = join(folder, name);
  for (const path of COPIED) cpSync(join(repository, path), join(copy, path), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'));
  for (const [file, text] of applyChanges(changes)) writeFileSync(join(copy, file), text);
  return copy;
}

function projectOf(root: string, include: readonly string[]): object {
  return {
    test: {
      name: root.slice(folder.length + 1),
      root,
      include,
      globalSetup: [join(repository, 'test', 'support', 'postgres-server.ts')],
      pool: 'forks',
      testTimeout: 20_000,
      hookTimeout: 60_000,
    },
  };
}

function isNoticed(report: Report, { fault, noticedBy }: Mutation, n: number): boolean {
  const before = statusesOf(report, 'unchanged', noticedBy);
  const after = statusesOf(report, String(n), noticedBy);
  const isSound = before.length > 0 && before.every((status) => status === 'passed');
  const verdict = !isSound
    ? 'no such test passes without the fault'
    : after.length === 0
      ? 'the test could not be run'
      : after.includes('failed')
        ? 'noticed'
        : 'SURVIVED';
  process.stdout.write(`${verdict}: ${fault}\n`);
  if (verdict !== 'noticed') process.stdout.write(`  ${noticedBy.file}: ${noticedBy.title}\n`);
  return verdict === 'noticed';
}

function statusesOf({ testResults }: Report, copy: string, { file, title }: NamedTest): string[] {
  return testResults
    .filter(({ name }) => name === join(folder, copy, file))
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ fullName }) => fullName.endsWith(title))
    .map(({ status }) => status);
}
