// `standby down` by a program of a workspace, which it ends with all others.
import { readFile } from 'node:fs/promises';
import { beforeAll, expect, it } from 'vitest';
import { NO_LIMITS } from '../../src/contract/manifest/schema.ts';
import { openDataFolder } from '../../src/main/installation/data-folder.ts';
import { useProcessWorld } from '../support/process-world.ts';
import { BIN, buildBin } from '../support/program.ts';
import { until } from '../support/until.ts';

const world = useProcessWorld();

beforeAll(buildBin);

it('finishes, and says what it has done', async () => {
  await world.open();
  const { path: dataDir } = await openDataFolder(world.home.scratch);
  const build = (command: readonly string[]) =>
    world.build({
      process: { command: [...command], environment: {}, limits: NO_LIMITS, sandbox: 'none' },
    });
  const other = build(['sleep', '600']);
  await world.start(other);
  const down = `echo >> begun; exec "$0" down --data-dir "$1" --json > answer 2> said`;
  const made = build(['sh', '-c', down, BIN, dataDir]);
  await world.start(made);

  await until(async () => {
    const answer = await readFile(world.inWorkspace(made, 'files', 'answer'), 'utf8');
    expect(JSON.parse(answer)).toEqual({
      ...{ stopped_servers: false, stopped_workspaces: 2, silent_engine: null },
    });
  });
  await until(() => expect(world.home.living()).toEqual([]));
  const read = (name: string) => readFile(world.inWorkspace(made, 'files', name), 'utf8');
  expect(await read('said')).toBe(
    'This runs in a workspace that ends as well: going on outside of it.\n',
  );
  expect(await read('begun')).toBe('\n');
});
