// Whom the mark in a process's environment is believed: whoever is outside of a sandbox, and of what is a workspace's.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identifyProcess } from '../../src/base/process-identity.ts';
import { NO_LIMITS, type ProcessSettings } from '../../src/contract/manifest/schema.ts';
import type { Build } from '../../src/provisioner/driver.ts';
import { findMarked } from '../../src/provisioner/marked-process.ts';
import { MARK } from '../../src/provisioner/drivers/process/processes.ts';
import { useProcessWorld } from '../support/process-world.ts';
import { hasTool } from '../support/tool.ts';
import { until } from '../support/until.ts';

const world = useProcessWorld();
const { inWorkspace } = world;
const spawned: ChildProcess[] = [];

beforeEach(() => world.open());
afterEach(async () => {
  for (const child of spawned.splice(0)) {
    const ended = once(child, 'exit');
    if (child.kill('SIGKILL')) await ended;
  }
});

const build = (script: string, sandbox: ProcessSettings['sandbox'] = 'none'): Build =>
  world.build({
    process: { command: ['sh', '-c', script], environment: {}, limits: NO_LIMITS, sandbox },
  });
/** One that lives for as long as the test. */
const sleeping = (env: NodeJS.ProcessEnv): number => {
  const child = spawn('/bin/sleep', ['600'], { env, stdio: 'ignore' });
  spawned.push(child);
  return child.pid ?? 0;
};
const livingOf = ({ workspace }: Build): readonly number[] => world.home.living(workspace.id);

/** With its command: the supervisor alone would be found at once. */
async function startWhole(made: Build): Promise<readonly number[]> {
  await world.start(made);
  await until(() => expect(livingOf(made).length).toBeGreaterThan(1));
  return livingOf(made);
}

describe('a mark', () => {
  it('that only looks like that of a workspace ends nothing of it', async () => {
    const other = build('exec sleep 600');
    const before = await startWhole(other);
    sleeping({ [MARK]: `${inWorkspace(other)}/` });
    await world.nextLife();
    expect(livingOf(other)).toEqual(before);
  });

  it('of a folder within a workspace has nobody ended whom that names', async () => {
    const made = build('exec sleep 600');
    await world.start(made);
    const victim = sleeping({});
    const fake = inWorkspace(made, 'files', 'fake');
    await mkdir(fake);
    const children = [{ name: 'x', process: identifyProcess(victim), restarts: 0, lastExit: null }];
    await writeFile(`${fake}/children.json`, JSON.stringify(children));
    sleeping({ [MARK]: fake });
    await world.nextLife();
    expect(identifyProcess(victim)).toBeDefined();
  });

  it('is found behind any number of variables, and in their names and values only as a whole', () => {
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`V${n}`, '']));
    const folder = `${world.home.workspaces}/behind`;
    const decoys = { [`X${MARK}`]: '/decoy', Y: `${MARK}=/decoy`, [`${MARK}X`]: '/decoy' };
    const pid = sleeping({ ...many, ...decoys, [MARK]: folder });
    const { outside } = findMarked(MARK, (one) => one === folder || one === '/decoy');
    expect([...outside].map(([one, identities]) => [one, identities.map((i) => i.pid)])).toEqual([
      [folder, [pid]],
    ]);
  });
});

describe.skipIf(!hasTool('bwrap'))('a mark that is written in a sandbox', () => {
  it('has nobody else ended, and holds nobody up for good', async () => {
    const other = build('exec sleep 600');
    const before = await startWhole(other);
    const [folder, fake] = [inWorkspace(other), `${inWorkspace(other)}/`];
    const rounds = `while :; do echo >> rounds; ${MARK}=${folder} sleep 600; done`;
    const enemy = build(`${MARK}=${fake} sleep 600 & ${rounds}`, 'bubblewrap');
    await startWhole(enemy);
    await until(() => stat(inWorkspace(enemy, 'files', 'rounds')));
    const unharmed = livingOf(enemy);
    await world.nextLife();
    expect(livingOf(other)).toEqual(before);
    expect(await readFile(inWorkspace(enemy, 'files', 'rounds'), 'utf8')).toBe('\n');
    // Each that is ended is followed by the next: they are nobody's who could not be ended.
    await world.stop(other);
    expect(livingOf(other)).toEqual([]);
    expect(livingOf(enemy)).toEqual(unharmed);
  });
});
