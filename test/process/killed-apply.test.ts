// A daemon is killed at each second of a real apply and of a real destroy, with and without what it
// started. Whatever the instant: its next start stores the state that Terraform had written, nothing
// that exists is in no stored state, the delete destroys everything, and nothing is left over.
//
// CI tries three instants, others with each STANDBY_CRASH_SEED; STANDBY_CRASH_MATRIX=all tries all.
import { beforeAll, describe, expect, it } from 'vitest';
import { signalProcess } from '../../src/provisioner/marked-process.ts';
import { chooseCases } from '../support/chosen-cases.ts';
import {
  createWorkspace,
  emptied,
  forgotten,
  removeWorkspace,
  settled,
} from '../support/crash-steps.ts';
import {
  createCrashWorld,
  SLOW_MODULE,
  SLOW_MODULE_SIZE,
  type CrashWorld,
} from '../support/crash-world.ts';
import { buildBin } from '../support/program.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

/** daemon: Terraform goes on alone, until the next start; everything: as when the machine is lost. */
const WHO = ['the daemon', 'everything'] as const;
type Who = (typeof WHO)[number];

interface Case {
  readonly who: Who;
  /** How many files and folders the objects are at the instant. */
  readonly size: number;
}

const casesOf = (sizes: readonly number[]): readonly Case[] =>
  WHO.flatMap((who) => sizes.map((size): Case => ({ who, size })));
/** Every half second. */
const APPLIES = casesOf(Array.from({ length: SLOW_MODULE_SIZE }, (_, size) => size));
/** Every second. */
const DESTROYS = casesOf([8, 6, 4, 2]);

beforeAll(buildBin);

describe.runIf(hasTool('terraform'))('nothing is forgotten, nor left over, of', () => {
  it.each(chooseCases(APPLIES, 2))(
    'an apply in which $who is killed when it has made $size of 8',
    { timeout: 180_000 },
    async ({ who, size }) => {
      await using world = await createCrashWorld({ module: SLOW_MODULE });
      const workspaceId = await begin(world);
      await until(() => expect(world.tools()).not.toEqual([]));
      await until(async () => expect(await world.size()).toBeGreaterThanOrEqual(size));
      await kill(world, who);
      // Before anything is made the tool may be the one that prepares the apply, which nobody begins then.
      if (who === 'the daemon' && size > 0) {
        // What nobody was there to send.
        await until(async () => expect(await world.size()).toBeGreaterThan(size));
      }
      // Terraform may be just writing it.
      const written = await until(async () => serials(await world.written()));

      await world.restart('daemon');
      await settled(world);
      await until(() => expect(world.tools()).toEqual([]));
      await until(async () => expect(await world.written()).toEqual([]));
      expect(serials(await world.stored())).toSatisfy((stored: readonly number[]) =>
        written.every((serial) => stored.some((newer) => newer >= serial)),
      );
      expect(await forgotten(world)).toEqual([]);

      await removeWorkspace(world, workspaceId);
      await emptied(world);
    },
  );

  it.each(chooseCases(DESTROYS, 1))(
    'a destroy in which $who is killed when $size of 8 are left',
    { timeout: 180_000 },
    async ({ who, size }) => {
      await using world = await createCrashWorld({ module: SLOW_MODULE });
      const workspaceId = await begin(world);
      await settled(world);
      expect(await world.size()).toBe(SLOW_MODULE_SIZE);

      const removing = removeWorkspace(world, workspaceId);
      await until(() => expect(world.tools()).not.toEqual([]));
      await until(async () => expect(await world.size()).toBeLessThanOrEqual(size));
      await kill(world, who);
      expect(await forgotten(world)).toEqual([]);

      await world.restart('daemon');
      await removing;
      await emptied(world);
    },
  );
});

/** A workspace whose start is under way or waits for the daemon. */
async function begin(world: CrashWorld): Promise<string> {
  await world.restart('daemon');
  const version = await world.push(0);
  await world.promote(version);
  return createWorkspace(world);
}

async function kill(world: CrashWorld, who: Who): Promise<void> {
  await world.kill('daemon');
  if (who === 'the daemon') return;
  // What one of them was just starting is among the next ones.
  for (let tools = world.tools(); tools.length > 0; tools = world.tools()) {
    for (const tool of tools) signalProcess(tool, 'SIGKILL');
  }
}

function serials(states: readonly string[]): readonly number[] {
  return states.map((state) => (JSON.parse(state) as { readonly serial: number }).serial);
}
