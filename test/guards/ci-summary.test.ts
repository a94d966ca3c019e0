import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repository } from '../support/source-files.ts';

describe('the summary of a test run', () => {
  let folder = '';
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'standby-summary-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  function summarize(files: readonly Readonly<Record<string, unknown>>[]): {
    readonly status: number | null;
    readonly lines: readonly string[];
  } {
    const report = join(folder, 'report.json');
    writeFileSync(report, JSON.stringify({ testResults: files }));
    return run(report);
  }

  function run(report: string): {
    readonly status: number | null;
    readonly lines: readonly string[];
  } {
    const script = join(repository, '.ci', 'summary.mjs');
    const ran = spawnSync(process.execPath, [script, report], { cwd: folder, encoding: 'utf8' });
    return { status: ran.status, lines: ran.stdout.trimEnd().split('\n') };
  }

  const file = (
    status: string,
    ...tests: readonly string[]
  ): Readonly<Record<string, unknown>> => ({
    name: join(folder, 'some.test.ts'),
    status,
    message: 'no such module',
    assertionResults: tests.map((result) => ({ status: result, fullName: `is ${result}` })),
  });

  it('counts, and names what was skipped', () => {
    const files = [file('passed', 'passed', 'skipped'), file('passed', 'passed', 'todo')];
    expect(summarize(files)).toEqual({
      status: 0,
      lines: [
        'skipped: some.test.ts: is skipped',
        'skipped: some.test.ts: is todo',
        '2 passed, 0 failed, 2 skipped',
      ],
    });
  });

  it('fails for a failed test', () => {
    const { status, lines } = summarize([file('failed', 'passed', 'failed')]);
    expect({ status, lines }).toEqual({ status: 1, lines: ['1 passed, 1 failed, 0 skipped'] });
  });

  it('counts a file that could not be run as a failure', () => {
    const { status, lines } = summarize([file('passed', 'passed'), file('failed')]);
    expect({ status, lines }).toEqual({
      status: 1,
      lines: ['could not run: some.test.ts: no such module', '1 passed, 1 failed, 0 skipped'],
    });
  });

  it('fails when nothing ran, or left no report', () => {
    expect(summarize([])).toEqual({ status: 1, lines: ['0 passed, 0 failed, 0 skipped'] });
    expect(run(join(folder, 'none.json'))).toMatchObject({ status: 1 });
  });
});
