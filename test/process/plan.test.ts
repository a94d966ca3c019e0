import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findPackageRoot } from '../../src/base/package-root.ts';
import vectors from '../vectors/decide.json' with { type: 'json' };

const root = findPackageRoot();
const launcher = join(root, 'bin', 'standby');
const folder = mkdtempSync(join(tmpdir(), 'standby-plan-'));
const inputs = vectors.map((vector) => JSON.stringify(vector.input));
const plans = vectors.map((vector) => JSON.stringify(vector.expected));

interface Ran {
  readonly status: number | null;
  readonly lines: readonly string[];
  readonly err: string;
}

/** Runs `standby plan --snapshot` on a file with this content, or on standard input. */
function plan(content: string, via: 'file' | 'input' = 'file'): Ran {
  const file = join(folder, 'snapshot.json');
  writeFileSync(file, content);
  const ran = spawnSync(launcher, ['plan', '--snapshot', via === 'file' ? file : '-'], {
    encoding: 'utf8',
    input: via === 'file' ? '' : content,
  });
  return { status: ran.status, lines: ran.stdout.split('\n').slice(0, -1), err: ran.stderr };
}

describe('standby plan --snapshot', () => {
  beforeAll(() => {
    execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs'), '--if-stale']);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['file', 'input'] as const)('prints every worked example: %s', (via) => {
    expect(plan(`${inputs.join('\n')}\n`, via)).toEqual({ status: 0, lines: plans, err: '' });
  });

  it('takes one object printed over many lines', () => {
    const pretty = JSON.stringify(vectors[0]?.input, null, 2);
    expect(plan(pretty)).toEqual({ status: 0, lines: [plans[0]], err: '' });
  });

  it('answers a bad line in its place, and ends with status 1', () => {
    const { status, lines, err } = plan([inputs[0], '{"now":', inputs[1], '{}'].join('\n'));
    expect({ status, err }).toEqual({ status: 1, err: '' });
    expect([lines[0], lines[2]]).toEqual([plans[0], plans[1]]);
    expect([lines[1], lines[3]].map((line) => JSON.parse(line ?? ''))).toEqual([
      { error: { code: 'MALFORMED_JSON', detail: expect.stringMatching(/^line 2: /) } },
      { error: { code: 'SNAPSHOT_INVALID', detail: expect.stringMatching(/^line 4: now /) } },
    ]);
  });

  it('answers each line before the next one comes', async () => {
    const child = spawn(launcher, ['plan', '--snapshot', '-'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    child.stdout.setEncoding('utf8');
    for (const [index, input] of inputs.slice(0, 3).entries()) {
      child.stdin.write(`${input}\n`);
      expect(await once(child.stdout, 'data')).toEqual([`${plans[index]}\n`]);
    }
    child.stdin.end();
    expect(await exited).toEqual([0, null]);
  });

  it.each([
    ['does not exist', join(folder, 'no-such-file'), 'ENOENT'],
    ['is a folder', folder, 'EISDIR'],
  ])('names a file that %s', (_, file, reason) => {
    const ran = spawnSync(launcher, ['plan', '--snapshot', file, '--json'], { encoding: 'utf8' });
    expect(ran).toMatchObject({ status: 66, stdout: '' });
    const { code, message } = JSON.parse(ran.stderr);
    expect(code).toBe('FILE_UNREADABLE');
    expect(message).toContain(file);
    expect(message).toContain(reason);
  });
});
