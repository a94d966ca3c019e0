// What the process driver does beyond what every driver has to (test/conformance): supervision, records, and
// what it finds after a crash.
import {
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createId } from '../../src/base/id.ts';
import { installFailpoints } from '../../src/base/failpoint.ts';
import { removeTree } from '../../src/base/remove-tree.ts';
import { NO_LIMITS, type Manifest } from '../../src/contract/manifest/schema.ts';
import type { Build } from '../../src/provisioner/driver.ts';
import { sampleWorkspace } from '../support/acquired-job.ts';
import { SERVER } from '../support/process-home.ts';
import { useProcessWorld } from '../support/process-world.ts';
import { until } from '../support/until.ts';

const world = useProcessWorld();
const { context, inWorkspace } = world;

beforeEach(() => {
  // What is tried again after minutes is tried again soon.
  const sleep: typeof systemClock.sleep = (ms, signal) =>
    systemClock.sleep(ms >= 60_000 ? 20 : ms, signal);
  return world.open({ clock: { ...systemClock, sleep } });
});

const build = (manifest: Partial<Manifest> = {}): Build =>
  world.build(manifest, sampleWorkspace({ parameters: { evil: '$(touch pwned)`touch pwned`' } }));

const answer = async (url: string | undefined): Promise<number> =>
  Number(await (await fetch(url ?? '')).text());
const stateOf = async (made: Build): Promise<string | undefined> =>
  (await world.reportOf(made))?.state;

/** The oldest of its processes. */
function killSupervisor({ workspace }: Build): void {
  const [supervisor] = world.home.living(workspace.id);
  if (supervisor !== undefined) process.kill(supervisor, 'SIGKILL');
}

describe('a workspace of the process driver', () => {
  it('keeps its files over stop and start', async () => {
    const made = build();
    await world.start(made);
    await writeFile(inWorkspace(made, 'files', 'mine'), '');
    await world.stop(made);
    await world.start(made);
    expect(await readdir(inWorkspace(made, 'files'))).toContain('mine');
  });

  it('has the files of a newer version after its start with that, and keeps its own', async () => {
    const made = build();
    await world.start(made);
    await writeFile(inWorkspace(made, 'files', 'mine'), 'mine');
    // What its owner has put in the place of the template's files leads nowhere.
    const outside = path.join(world.home.scratch, 'outside');
    await writeFile(outside, 'outside');
    await rm(inWorkspace(made, 'files', 'server.cjs'));
    await symlink(outside, inWorkspace(made, 'files', 'server.cjs'));
    await world.stop(made);
    await world.home.writeServer(SERVER.replace('String(process.pid)', `'-' + process.pid`));

    const same = { ...made, jobId: createId<string>(world.home.kit) };
    await expect(world.start(same).then(({ url }) => answer(url))).rejects.toThrow();
    await world.stop(same);
    const { template } = made;
    const newer = { ...template, version_id: createId<string>(world.home.kit) };
    const updated = { ...made, jobId: createId<string>(world.home.kit), template: newer };
    const { url } = await world.start(updated);
    await until(async () => expect(await answer(url)).toBeLessThan(0));
    expect(await readFile(inWorkspace(made, 'files', 'mine'), 'utf8')).toBe('mine');
    expect(await readFile(outside, 'utf8')).toBe('outside');

    // Neither through the folder itself.
    await world.stop(updated);
    await rename(inWorkspace(made, 'files'), path.join(world.home.scratch, 'elsewhere'));
    await symlink(path.join(world.home.scratch, 'elsewhere'), inWorkspace(made, 'files'));
    const newest = { ...template, version_id: createId<string>(world.home.kit) };
    await expect(
      world.start({ ...updated, jobId: createId<string>(world.home.kit), template: newest }),
    ).rejects.toThrow('is no folder');
    expect(await readdir(path.join(world.home.scratch, 'elsewhere'))).toContain('mine');
  });

  it.each([
    [['node', 'server.cjs'], undefined],
    [[process.execPath], undefined],
    [['./run.sh'], undefined],
    [['no-such-program'], 'the command "no-such-program" is not in the PATH here'],
    [['./no-such-file'], 'the command "./no-such-file" is not an executable file of the template'],
    [['./server.cjs'], 'the command "./server.cjs" is not an executable file of the template'],
    [['.'], 'the command "." is not in the PATH here'],
  ])('is only promised where its command can be run: %j', async (command, refusal) => {
    const folder = await world.home.templateFolder();
    const script = path.join(folder, 'run.sh');
    await writeFile(script, '#!/bin/sh\n', { mode: 0o755 });
    const { template } = build();
    const process = { command, environment: {}, limits: NO_LIMITS, sandbox: 'none' as const };
    const checked = world.driver.check(
      { ...template, manifest: { ...template.manifest, process } },
      { ...context, templateFolder: () => Promise.resolve(folder) },
    );
    if (refusal === undefined) await checked;
    else await expect(checked).rejects.toThrow(`TEMPLATE_REFUSED: ${refusal}`);
  });

  it('goes on as the same process when the daemon ends and comes back', async () => {
    const made = build();
    const { url } = await world.start(made);
    const pid = await until(() => answer(url));
    await world.nextLife();
    expect(await stateOf(made)).toBe('running');
    expect(await answer(url)).toBe(pid);
  });

  it('whose supervisor was killed is told gone, and comes back where it was when wanted', async () => {
    const made = build();
    const { url } = await world.start(made);
    const pid = await until(() => answer(url));
    killSupervisor(made);
    await until(async () => expect(await stateOf(made)).toBe('gone'));
    await world.machine.restart(made.workspace.id);
    await until(async () => expect(await answer(url)).not.toBe(pid));
    expect(await stateOf(made)).toBe('running');
  });

  it('whose folder was put back from a copy is ended where it was, and told gone', async () => {
    const made = build();
    await world.start(made);
    const before = world.home.living();
    await world.nextLife(async () => {
      const folder = inWorkspace(made);
      await rename(folder, path.join(world.home.scratch, 'since'));
      await cp(path.join(world.home.scratch, 'since'), folder, { recursive: true });
    });
    expect(world.home.living().filter((pid) => before.includes(pid))).toEqual([]);
    expect(await stateOf(made)).toBe('gone');
    await world.machine.restart(made.workspace.id);
    expect(await stateOf(made)).toBe('running');
  });

  it('takes parameters as values and never as code', async () => {
    const made = build();
    const { url } = await world.start(made);
    await until(() => answer(url));
    expect(await readdir(inWorkspace(made, 'files'))).toEqual(['server.cjs']);
  });

  it('shows no secret in environments and command lines', async () => {
    const made = build();
    await world.start(made);
    const shown = (pid: number): Promise<string> =>
      Promise.all(
        ['environ', 'cmdline'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')),
      ).then((texts) => texts.join());
    await until(() => expect(world.home.living().length).toBeGreaterThan(1));
    for (const pid of world.home.living()) {
      expect(await shown(pid)).not.toContain(made.workspace.agent_token);
    }
  });

  it('whose folder somebody removed is ended by its delete all the same', async () => {
    const made = build();
    await world.start(made);
    await removeTree(inWorkspace(made)); // its processes live, and may just be writing
    await world.driver.delete(made, context);
    expect(world.home.living()).toEqual([]);
  });
});

describe('the supervisor', () => {
  it('starts a program again that ends', async () => {
    const made = build();
    const { url } = await world.start(made);
    const first = await until(() => answer(url));
    process.kill(first, 'SIGKILL');
    await until(async () => expect(await answer(url)).not.toBe(first));
    expect(await stateOf(made)).toBe('running');
  });

  it('goes on when it cannot write', async () => {
    const made = build();
    const { url } = await world.start(made);
    const first = await until(() => answer(url));
    // What it writes to first is in the way, as a full disk would be.
    await mkdir(inWorkspace(made, 'children.json.new'));
    process.kill(first, 'SIGKILL');
    await until(async () => expect(await answer(url)).not.toBe(first));
    await rm(inWorkspace(made, 'output.log'));
    await mkdir(inWorkspace(made, 'output.log'));
    process.kill(await answer(url), 'SIGKILL');
    await until(() => expect(answer(url)).rejects.toThrow());
    await rm(inWorkspace(made, 'output.log'), { recursive: true });
    await until(() => answer(url));
    expect(await stateOf(made)).toBe('running');
  });

  it('tries a command again that cannot be run, and its workspace counts as gone', async () => {
    const steady = build();
    await world.start(steady);
    const process = {
      command: ['./server.cjs/x'],
      environment: {},
      limits: NO_LIMITS,
      sandbox: 'none' as const,
    };
    const made = build({ process });
    await world.start(made);
    const children = async (): Promise<string> =>
      readFile(inWorkspace(made, 'children.json'), 'utf8').catch(() => '');
    await until(async () => expect(await children()).toContain('"restarts":2'));
    expect(await children()).toContain('ENOTDIR');
    await until(async () => expect(await stateOf(made)).toBe('gone'));
    expect(await stateOf(steady)).toBe('running');
  });

  it('ends what ignores SIGTERM and what has left the group, and keeps floods of output short', async () => {
    await world.home.writeServer(`
      process.on('SIGTERM', () => undefined);
      const { spawn } = require('node:child_process');
      spawn('sh', ['-c', 'trap "" TERM; exec >&- 2>&-; setsid sleep 600 & sleep 600'], { detached: true });
      const line = Buffer.alloc(1_000_000, 'x');
      for (let n = 0; n < 30; n++) require('node:fs').writeSync(1, line);
      ${SERVER}`);
    const made = build();
    const { url } = await world.start(made);
    await until(() => answer(url));
    await until(async () =>
      expect((await stat(inWorkspace(made, 'output.log'))).size).toBeLessThan(1_000_000),
    );
    const kept = await stat(inWorkspace(made, 'output.log.old'));
    expect(kept.size).toBe(5_000_000);
    expect(world.home.living().length).toBeGreaterThan(4);
    await world.stop(made);
    expect(world.home.living()).toEqual([]);

    // The next one floods what is there, and it stays as short.
    await world.start(made);
    await until(async () => {
      const now = await stat(inWorkspace(made, 'output.log.old'));
      expect(now).toMatchObject({ size: 5_000_000 });
      expect(now.mtimeMs).toBeGreaterThan(kept.mtimeMs);
      expect((await stat(inWorkspace(made, 'output.log'))).size).toBeLessThan(1_000_000);
    });
  });
});

describe('a record that cannot be read', () => {
  it('is nobody’s end: neither its own workspace’s nor that of others’ reports', async () => {
    const [made, other] = [build(), build()];
    const { url } = await world.start(made);
    await world.start(other);
    const pid = await until(() => answer(url));
    await writeFile(inWorkspace(made, 'record.json'), '{"of":"another version"}');
    await world.nextLife();
    expect(await answer(url)).toBe(pid);
    expect(await stateOf(made)).toBe('gone');
    expect(await stateOf(other)).toBe('running');
    await expect(world.machine.restart(made.workspace.id)).rejects.toThrow('record.json');
    await expect(world.start(made)).rejects.toThrow('record.json');
    expect(await answer(url)).toBe(pid);
    await world.driver.delete(made, context);
    expect(await readdir(world.home.workspaces)).toEqual([other.workspace.id]);
  });
});

describe('what a crash left behind', () => {
  it('is taken away at the next start: half-made folders, and processes without a folder', async () => {
    const made = build();
    await world.start(made);
    await world.nextLife(async () => {
      // The folder is gone and its processes live; another one has no record yet.
      await removeTree(inWorkspace(made)); // its processes live, and may just be writing
      await mkdir(path.join(world.home.workspaces, createId(world.home.kit), 'files'), {
        recursive: true,
      });
    });
    expect(world.home.living()).toEqual([]);
    expect(await readdir(world.home.workspaces)).toEqual([]);
  });

  it('and cannot be removed holds nothing up, and is tried again', async () => {
    const made = build();
    await world.start(made);
    await world.nextLife(async () => {
      await mkdir(path.join(world.home.workspaces, createId(world.home.kit)));
      installFailpoints((at) => {
        if (at === 'process.remove.ended') throw new Error('the disk is broken');
      });
    });
    expect(await stateOf(made)).toBe('running');
    expect(await readdir(world.home.workspaces)).toHaveLength(2);
    installFailpoints(undefined);
    await until(async () =>
      expect(await readdir(world.home.workspaces)).toEqual([made.workspace.id]),
    );
  });

  it('of a start that failed and could not be undone is tried again', async () => {
    installFailpoints((at) => {
      if (at.startsWith('process.')) throw new Error('the disk is broken');
    });
    await expect(world.start(build())).rejects.toThrow('the disk is broken');
    installFailpoints(undefined);
    await until(async () => expect(await readdir(world.home.workspaces)).toEqual([]));
  });
});
