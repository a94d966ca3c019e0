// Copies of the tree, each with a fault in it, and vitest on them.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPackageRoot } from '../../src/base/package-root.ts';
import { applyChanges, type Mutation, type NamedTest } from './mutation.ts';

export interface Copies extends Disposable {
  /** A copy of the tree with the fault in it, by its name. */
  plant(name: string, changes: Mutation['changes']): void;
  /** Runs tests in copies, as projects of one vitest run, so that they share one PostgreSQL. */
  run(projects: readonly CopyProject[], options: RunOptions): Run;
}

export interface CopyProject {
  /** Of the copy. */
  readonly name: string;
  readonly files: readonly string[];
  /** Of the tests to run of them, the ends of the full names; all that the run names unless given. */
  readonly titles?: readonly string[];
}

export interface RunOptions {
  /** The ends of the full names of the tests to run. */
  readonly titles: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** No more tests once one has failed. */
  readonly untilFailure?: boolean;
}

export interface Run {
  /** How the tests of that title ended in a copy, in their order. */
  statusesOf(copy: string, test: NamedTest): readonly string[];
  /** The first line of what the first of them failed with. */
  failureOf(copy: string, test: NamedTest): string | undefined;
}

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** The name of the copy without any fault. */
export const UNCHANGED = 'unchanged';

type Results = Report['testResults'][number]['assertionResults'];

const repository = findPackageRoot();
const COPIED = ['src', 'test', 'migrations', 'package.json', 'tsconfig.json'];

export function createCopies(): Copies {
  const folder = mkdtempSync(join(tmpdir(), 'standby-mutations-'));
  return {
    plant: (name, changes) => {
      const copy = join(folder, name);
      for (const path of COPIED) {
        cpSync(join(repository, path), join(copy, path), { recursive: true });
      }
      symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'));
      for (const [file, text] of applyChanges(changes)) writeFileSync(join(copy, file), text);
    },
    run: (projects, options) => runVitest(folder, projects, options),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function runVitest(
  folder: string,
  projects: readonly CopyProject[],
  { titles, env = {}, untilFailure = false }: RunOptions,
): Run {
  const config = join(folder, 'vitest.config.mjs');
  const reportFile = join(folder, 'report.json');
  const test = {
    maxWorkers: 2,
    projects: projects.map((project) => projectOf(join(folder, project.name), project)),
  };
  writeFileSync(config, `export default ${JSON.stringify({ test })};\n`);
  rmSync(reportFile, { force: true });
  const { stderr } = spawnSync(
    process.execPath,
    [
      join(repository, 'node_modules', 'vitest', 'vitest.mjs'),
      ...['run', '--root', folder, '--config', config],
      ...['--reporter', 'json', '--outputFile', reportFile, '-t', anyOf(titles)],
      ...(untilFailure ? ['--bail', '1'] : []),
    ],
    {
      ...{ cwd: folder, encoding: 'utf8', env: { ...process.env, ...env } },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const { testResults } = readReport(reportFile, stderr);
  const resultsOf = (copy: string, { file, title }: NamedTest): Results =>
    testResults
      .filter(({ name }) => name === join(folder, copy, file))
      .flatMap(({ assertionResults }) => assertionResults)
      .filter(({ fullName }) => new RegExp(patternOf(title)).test(fullName));
  return {
    statusesOf: (copy, test) => resultsOf(copy, test).map(({ status }) => status),
    failureOf: (copy, test) =>
      resultsOf(copy, test)
        .flatMap(({ failureMessages }) => failureMessages)[0]
        ?.split('\n')[0],
  };
}

/** A title of many tests has placeholders, as `it.each` writes them. */
function patternOf(title: string): string {
  const exactly = title.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
  return `${exactly.replace(/%[a-z]/g, '.*')}$`;
}

function anyOf(titles: readonly string[]): string {
  return titles.map(patternOf).join('|');
}

function readReport(file: string, stderr: string): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch (cause) {
    throw new Error(`vitest left no report:\n${stderr}`, { cause });
  }
}

function projectOf(root: string, { name, files, titles = [] }: CopyProject): object {
  return {
    test: {
      ...{ name, root, include: files, env: { STANDBY_NAMED_TESTS: anyOf(titles) } },
      globalSetup: [join(repository, 'test', 'support', 'postgres-server.ts')],
      setupFiles: ['only-named-tests.ts', 'watch-transactions.ts'].map((file) =>
        join(root, 'test', 'support', file),
      ),
      pool: 'forks',
      // Not for as long as the tests do: what a fault prevents is waited for in vain.
      expect: { poll: { timeout: 5_000 } },
      testTimeout: 20_000,
      hookTimeout: 60_000,
    },
  };
}
