// `standby down`: stops what `standby up` left running.
import { defineCommand } from '../../cli/command.ts';
import { dataDir } from '../../config/data-dir.ts';
import { findDataFolder } from '../installation/data-folder.ts';
import { runDown, type DownResult } from '../up/down.ts';
import { isInWorkspace, runOutside } from '../up/outside.ts';
import { configOf, DATA_DIR_OPTION } from './setting-options.ts';

const NOTHING: DownResult = {
  stoppedServers: false,
  stoppedWorkspaces: 0,
  silentEngine: undefined,
};

export const command = defineCommand({
  name: 'down',
  summary: 'Stop what `standby up` runs on this machine, workspaces included',
  description:
    'Nothing is deleted. The next `standby up` brings the workspaces of people back in their ' +
    'folders and fills the pools anew.',
  arguments: {},
  options: DATA_DIR_OPTION,
  run: async ({ kit, io, environment, globals }, values) => {
    const config = configOf(environment, values);
    const place = dataDir(environment, config.dataDir);
    const folder = await findDataFolder(place);
    if (folder !== undefined && isInWorkspace(folder, environment)) {
      io.err('This runs in a workspace that ends as well: going on outside of it.\n');
      const argv = ['down', '--data-dir', folder.path, ...(globals.json ? ['--json'] : [])];
      return runOutside(argv, environment);
    }
    const { stoppedServers, stoppedWorkspaces, silentEngine } =
      folder === undefined ? NOTHING : await runDown(kit, { folder, config });
    if (globals.json) {
      const answer = {
        stopped_servers: stoppedServers,
        stopped_workspaces: stoppedWorkspaces,
        silent_engine: silentEngine ?? null,
      };
      io.out(`${JSON.stringify(answer)}\n`);
      return 0;
    }
    const servers = stoppedServers
      ? 'The servers have stopped'
      : `No server was running in ${place}`;
    const noun = stoppedWorkspaces === 1 ? 'workspace' : 'workspaces';
    io.out(`${servers}; ${stoppedWorkspaces} ${noun} stopped.\n`);
    if (silentEngine !== undefined) {
      io.err(
        `The Docker engine at ${silentEngine.address} was not heard: ${silentEngine.because}\n` +
          'Containers of workspaces may run on there. Run `standby down` again when it answers.\n',
      );
    }
    return 0;
  },
});
