// Every failpoint of the way from a pool to a destroyed workspace × kill, stop and fault, with real
// processes and real Terraform. Whatever happens where: everything that was made is named by a stored
// state, and after the deletes the world is empty.
//
// CI runs a sixth of it, another one with each commit (STANDBY_CRASH_SEED); STANDBY_CRASH_MATRIX=all runs all.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAILPOINTS, type Failpoint } from '../../src/base/failpoint.ts';
import { chooseCases, SEED } from '../support/chosen-cases.ts';
import {
  createWorkspace,
  emptied,
  forgotten,
  limitLife,
  removeWorkspace,
  settled,
} from '../support/crash-steps.ts';
import { createCrashWorld, type CrashWorld, type Side } from '../support/crash-world.ts';
import { buildBin, type Program } from '../support/program.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const available = hasTool('terraform');

const ACTIONS = ['kill', 'stop', 'throw'] as const;
type Action = (typeof ACTIONS)[number];

interface Case {
  readonly point: Failpoint;
  readonly side: Side;
  readonly action: Action;
}

/**
 * Those of drivers on one machine are tried by test/conformance, and that of agents, which this world has none of, by
 * test/process/killed-at-proof.test.ts.
 */
const POINTS = (Object.keys(FAILPOINTS) as Failpoint[]).filter(
  (point) =>
    !point.startsWith('process.') && !point.startsWith('docker.') && point !== 'claim.proven',
);
const CASES: readonly Case[] = POINTS.flatMap((point) =>
  ACTIONS.map((action): Case => {
    const side = point.startsWith('daemon.') ? 'daemon' : 'server';
    return { point, side, action };
  }),
);

const CHOSEN = chooseCases(CASES, Math.ceil(CASES.length / 6));

/** Twice the time after which a silent job is given up (see crash-world.ts). */
const STOPPED_MS = 4_000;

beforeAll(buildBin);
afterAll(() => {
  process.stderr.write(
    `crash matrix: ${available ? CHOSEN.length : 0} of ${CASES.length} cases (seed ${SEED})\n`,
  );
});

describe.runIf(available)('nothing that was made is forgotten', () => {
  it.each(CHOSEN)('when $point ends in $action', { timeout: 180_000 }, async (given) => {
    await using world = await createCrashWorld();
    await play(world, given);
  });
});

async function play(world: CrashWorld, { point, side, action }: Case): Promise<void> {
  await world.restart('daemon');
  const version = await world.push(1);
  const isLeftover = point.startsWith('daemon.leftover');
  if (isLeftover) {
    // Something has to be left: the daemon is killed while Terraform works.
    await world.promote(version);
    await until(async () => expect(await world.objects()).not.toEqual([]));
    await world.kill('daemon');
  }
  const failing = await world.restart(side, `${point}=${action}@1`);
  const promoting = isLeftover ? undefined : until(() => world.promote(version));

  const claiming = createWorkspace(world).then(async (id) => {
    await limitLife(world, id);
    return id;
  });
  switch (action) {
    case 'kill':
      await until(() => expect(failing.child.signalCode).toBe('SIGKILL'));
      await world.restart(side);
      break;
    case 'stop':
      await until(() => expect(stateOf(failing)).toBe('T'));
      await sleep(STOPPED_MS);
      failing.child.kill('SIGCONT');
      break;
    case 'throw':
      await until(() => expect(failing.said()).toContain(`failpoint ${point}`));
      break;
  }
  await promoting;
  const workspaceId = await claiming;
  await settled(world);
  await until(async () => expect(await forgotten(world)).toEqual([]));

  await world.promote(await world.push(0));
  await removeWorkspace(world, workspaceId);
  // A start that was under way may end when the world is empty; its pool then deletes what it made.
  await emptied(world);
}

function stateOf({ child }: Program): string {
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}
