import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { findPackageRoot } from '../../src/base/package-root.ts';
import { VERSION } from '../../src/base/version.ts';

const root = findPackageRoot();
const launcher = join(root, 'bin', 'standby');

describe('bin/standby', () => {
  beforeAll(() => {
    execFileSync(process.execPath, [join(root, 'scripts', 'build.mjs'), '--if-stale']);
  });

  it('runs the bundled program from any folder', () => {
    const ran = spawnSync(launcher, ['--version'], { cwd: tmpdir(), encoding: 'utf8' });
    expect(ran).toMatchObject({ status: 0, stdout: `${VERSION}\n`, stderr: '' });
  });

  it('ends with the exit status of the error', () => {
    const ran = spawnSync(launcher, ['no-such-command'], { encoding: 'utf8' });
    expect(ran).toMatchObject({ status: 64, stdout: '' });
    expect(ran.stderr).toContain('unknown command "standby no-such-command"');
  });

  it('ends quietly when the reader of its output goes away', () => {
    const script = 'set -o pipefail; "$0" completion bash | true';
    const ran = spawnSync('bash', ['-c', script, launcher], { encoding: 'utf8' });
    expect(ran).toMatchObject({ status: 0, stderr: '' });
  });

  it('says what to run when nothing was built', () => {
    const folder = mkdtempSync(join(tmpdir(), 'standby-launcher-'));
    try {
      mkdirSync(join(folder, 'bin'));
      copyFileSync(launcher, join(folder, 'bin', 'standby.mjs'));
      const ran = spawnSync(process.execPath, [join(folder, 'bin', 'standby.mjs')], {
        encoding: 'utf8',
      });
      expect(ran.status).toBe(78);
      expect(ran.stderr).toContain(`cd ${folder}/ && npm ci && npm run build`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
