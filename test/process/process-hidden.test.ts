// That a sandbox hides the data folder also where it is named by way of a link and lies in what every sandbox shows.
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NO_LIMITS } from '../../src/contract/manifest/schema.ts';
import type { Build } from '../../src/provisioner/driver.ts';
import { useProcessWorld } from '../support/process-world.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const world = useProcessWorld();
const { inWorkspace } = world;
const build = (script: string): Build =>
  world.build({
    process: {
      ...{ command: ['sh', '-c', `${script}; exec sleep 600`], environment: {} },
      ...{ limits: NO_LIMITS, sandbox: 'bubblewrap' },
    },
  });
const sawOf = (made: Build): Promise<string> =>
  until(() => readFile(inWorkspace(made, 'files', 'saw'), 'utf8'));

describe.skipIf(!hasTool('bwrap') || !mayInstall())('behind a link', () => {
  it.each([
    ['the data folder', ''],
    ['the daemon’s folder', 'provisioner'],
    ['the workspaces’ folder', 'provisioner/workspaces'],
  ])('%s is hidden by either name', async (_what, linked) => {
    // In what every sandbox shows.
    const shown = await mkdtemp('/opt/standby-test-');
    onTestFinished(() => rm(shown, { recursive: true, force: true }));
    const scratch = path.join(shown, 'data');
    const [link, real] = [path.join(scratch, linked), path.join(shown, 'real')];
    await mkdir(real);
    await mkdir(path.dirname(link), { recursive: true });
    await symlink(real, link);
    await world.open({ scratch });

    const other = build('echo > saw');
    await world.start(other);
    await sawOf(other);
    const key = path.join(scratch, 'key');
    await writeFile(key, 'key');
    const plan = path.relative(real, inWorkspace(other, 'plan.json'));
    const names = [key, await realpath(key), path.join(real, plan), path.join(link, plan)];
    const look = names.map((name) => `cat ${name}`).join('; ');
    const made = build(`{ ${look}; ls -d . ${shown}; } > looked 2>/dev/null; mv looked saw`);
    await world.driver.check(made.template, world.context);
    await world.start(made);
    expect(await sawOf(made)).toBe(`.\n${shown}\n`);
  });
});

/** Root alone may write where every sandbox shows what there is. */
function mayInstall(): boolean {
  if (process.getuid?.() === 0) return true;
  process.stderr.write('SKIPPED: tests of a data folder in /opt, which need root\n');
  return false;
}
