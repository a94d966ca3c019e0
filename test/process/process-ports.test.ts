// The ports that the process driver reserves for its workspaces.
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { beforeEach, describe, expect, it } from 'vitest';
import { createId } from '../../src/base/id.ts';
import { isPortFree } from '../../src/provisioner/drivers/process/port.ts';
import { useProcessWorld } from '../support/process-world.ts';
import { until } from '../support/until.ts';

const world = useProcessWorld();
const { build, inWorkspace } = world;

beforeEach(() => world.open());

describe('the port of a workspace', () => {
  const reserved = (): Promise<readonly string[]> => readdir(world.home.ports);

  it('is its own after a reboot, which ends processes and empties temporary folders', async () => {
    const made = build();
    const { port, url } = await world.start(made);
    await until(() => fetch(url ?? ''));
    await world.nextLife(async () => {
      for (const pid of world.home.living()) process.kill(pid, 'SIGKILL');
      // A killed process still has its port for a moment, and no machine boots so soon.
      await until(async () => expect(await isPortFree(Number(port))).toBe(true));
      await rm(world.home.ports, { recursive: true });
      const record = await readFile(inWorkspace(made, 'record.json'), 'utf8');
      const bootId = createId(world.home.kit);
      await writeFile(
        inWorkspace(made, 'record.json'),
        record.replace(/"bootId":"[^"]*"/, `"bootId":"${bootId}"`),
      );
    });
    expect(await world.reportOf(made)).toMatchObject({ state: 'gone' });
    expect(await reserved()).toEqual([port]);
    await world.machine.restart(made.workspace.id);
    await until(() => fetch(url ?? ''));
  });

  it('that a stranger uses is told, and not mistaken for the workspace', async () => {
    const made = build({
      ready: { http: '/', tcp: null, command: null, interval_seconds: 0.1, timeout_seconds: 5 },
    });
    const { port, url } = await world.start(made);
    await until(() => fetch(url ?? ''));
    await world.stop(made);
    const stranger = createServer((_, response) => response.end());
    await new Promise<void>((resolve) => stranger.listen(Number(port), '127.0.0.1', resolve));
    await expect(world.start(made)).rejects.toThrow(`port ${port}`);
    expect(await world.reportOf(made)).toMatchObject({ state: 'stopped', ready: false });
    stranger.closeAllConnections();
    await new Promise((resolve) => stranger.close(resolve));
    expect(await world.start(made)).toMatchObject({ port });
  });

  it('is reserved in no folder that others can write to', async () => {
    await mkdir(world.home.ports, { mode: 0o777 });
    await chmod(world.home.ports, 0o777);
    await expect(world.start(build())).rejects.toThrow(world.home.ports);
    expect(await readdir(world.home.workspaces)).toEqual([]);
  });

  it('is never that of another workspace, however many start at once', async () => {
    const outputs = await Promise.all(Array.from({ length: 12 }, () => world.start(build())));
    expect(new Set(outputs.map(({ port }) => port)).size).toBe(12);
    expect(await reserved()).toHaveLength(12);
  });
});
