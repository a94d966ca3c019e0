// Makes folders in folders, deeper than a path can be long.
import { spawnSync } from 'node:child_process';

const DIG = `
  const [top, depth, then] = process.argv.slice(1);
  process.chdir(top);
  for (let n = 0; n < depth; n++) {
    require('node:fs').mkdirSync('d'.repeat(250));
    process.chdir('d'.repeat(250));
  }
  if (then) require('node:child_process').spawn('sh', ['-c', then], { stdio: 'ignore', detached: true }).unref();`;

/** Starts `then`, a line for a shell, in the deepest. */
export function digDown(top: string, depth: number, then = ''): void {
  const { status, stderr } = spawnSync(process.execPath, ['-e', DIG, top, String(depth), then], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}
