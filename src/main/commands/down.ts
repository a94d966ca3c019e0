// `standby down`: stops what `standby up` left running.
import { defineCommand } from '../../cli/command.ts';
import { dataDir } from '../../config/data-dir.ts';
import { openDataFolder } from '../installation/data-folder.ts';
import { runDown } from '../up/down.ts';
import { configOf, DATA_DIR_OPTION } from './setting-options.ts';

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
    const folder = await openDataFolder(dataDir(environment, config.dataDir));
    const { stoppedServers, stoppedWorkspaces } = await runDown(kit, folder);
    if (globals.json) {
      const answer = { stopped_servers: stoppedServers, stopped_workspaces: stoppedWorkspaces };
      io.out(`${JSON.stringify(answer)}\n`);
      return 0;
    }
    const servers = stoppedServers ? 'The servers have stopped' : 'No server was running';
    const noun = stoppedWorkspaces === 1 ? 'workspace' : 'workspaces';
    io.out(`${servers}; ${stoppedWorkspaces} ${noun} stopped.\n`);
    return 0;
  },
});
