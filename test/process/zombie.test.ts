// A daemon stops in its tracks (SIGSTOP) while it works, is given up, and goes on when another daemon
// has done what was left: its report is refused, its state is kept as a stray, and what it made is
// found and destroyed. Once it alone stops, and Terraform goes on; once everything does.
import { beforeAll, describe, expect, it } from 'vitest';
import { signalProcess } from '../../src/provisioner/marked-process.ts';
import { createWorkspace, emptied, removeWorkspace, settled } from '../support/crash-steps.ts';
import {
  createCrashWorld,
  SLOW_MODULE,
  SLOW_MODULE_SIZE,
  type CrashWorld,
} from '../support/crash-world.ts';
import { buildBin } from '../support/program.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

beforeAll(buildBin);

describe.runIf(hasTool('terraform'))('a daemon that was given up and goes on', () => {
  it('has made more than the delete knew of', { timeout: 180_000 }, async () => {
    await using world = await createCrashWorld({ module: SLOW_MODULE });
    const workspaceId = await begin(world);
    await until(async () => expect(await world.size()).toBeGreaterThan(0));
    world.program('daemon').child.kill('SIGSTOP');
    // What Terraform writes from here on is stored by nobody.
    await until(async () => expect(await world.size()).toBe(SLOW_MODULE_SIZE));

    await world.restart('other');
    await until(async () => expect(await world.sql(HUNG)).toEqual(['workspace_build']));
    await removeWorkspace(world, workspaceId);

    world.program('daemon').child.kill('SIGCONT');
    await untilRefused(world);
    await until(async () => expect(await world.sql(STRAYS)).not.toEqual(['0']));
    await emptied(world);
  });

  it('goes on making things', { timeout: 180_000 }, async () => {
    await using world = await createCrashWorld({ module: SLOW_MODULE });
    const workspaceId = await begin(world);
    await until(async () => expect(await world.size()).toBeGreaterThan(2));
    signalAll(world, 'SIGSTOP');

    await world.restart('other');
    await until(async () => expect(await world.sql(HUNG)).toEqual(['workspace_build']));
    await removeWorkspace(world, workspaceId);
    expect(await world.objects()).toEqual([]);

    for (const tool of world.tools()) signalProcess(tool, 'SIGCONT');
    await until(async () => expect(await world.objects()).not.toEqual([]));
    world.program('daemon').child.kill('SIGCONT');
    await untilRefused(world);
    await emptied(world);
  });

  it('was destroying what another attempt has destroyed', { timeout: 180_000 }, async () => {
    await using world = await createCrashWorld({ module: SLOW_MODULE });
    const workspaceId = await begin(world);
    await settled(world);
    const removing = removeWorkspace(world, workspaceId);
    await until(async () => expect(await world.size()).toBeLessThan(SLOW_MODULE_SIZE));
    signalAll(world, 'SIGSTOP');

    await world.restart('other');
    await removing;
    expect(await world.objects()).toEqual([]);
    const [attempt] = await world.sql(`
      select j.attempt from jobs j join builds b on b.job_id = j.id where b.transition = 'delete'`);
    expect(attempt).toBeGreaterThan(1);

    signalAll(world, 'SIGCONT');
    await untilRefused(world);
    await emptied(world);
  });
});

const HUNG = `select type from jobs where error_code = 'hung'`;
const STRAYS = 'select count(*) from stray_states';

/** A workspace whose start is under way at the only daemon. */
async function begin(world: CrashWorld): Promise<string> {
  await world.restart('daemon');
  await world.promote(await world.push(0));
  return createWorkspace(world);
}

/** To the daemon, and to all that it has started. */
function signalAll(world: CrashWorld, signal: NodeJS.Signals): void {
  world.program('daemon').child.kill(signal);
  for (const tool of world.tools()) signalProcess(tool, signal);
}

/** Its report was refused, or it was told before that its attempt counts no more. */
async function untilRefused(world: CrashWorld): Promise<void> {
  await until(() =>
    expect(world.program('daemon').said()).toMatch(/attempt\.refused|"outcome":"stale"/),
  );
}
