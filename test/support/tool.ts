// Programs that some tests need and not every machine has.
import { spawnSync } from 'node:child_process';

/**
 * Whether `name` can be run. Where it cannot, the tests that need it are skipped and standard error
 * says so; in CI (CI=true) it is an error, because .ci/apt-packages installs it there.
 */
export function hasTool(name: string): boolean {
  const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status === 0;
  if (found) return true;
  if (process.env['CI'] === 'true') {
    throw new Error(`tests need "${name}": add its package to .ci/apt-packages`);
  }
  process.stderr.write(`SKIPPED: tests that need "${name}", which is not installed\n`);
  return false;
}
