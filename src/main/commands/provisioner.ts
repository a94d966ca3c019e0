// `standby provisioner`: a daemon that does the jobs of a control plane on this machine.
import { readFile } from 'node:fs/promises';
import { whenAborted } from '../../base/abort.ts';
import { AppError } from '../../base/app-error.ts';
import type { Kit } from '../../base/kit.ts';
import { defineCommand, type CommandContext } from '../../cli/command.ts';
import type { Config } from '../../config/config.ts';
import { dataDir } from '../../config/data-dir.ts';
import { startDaemon } from '../daemon/daemon.ts';
import { DRIVER_NAMES } from '../daemon/drivers.ts';
import { openDataFolder, type DataFolder } from '../installation/data-folder.ts';
import { findInstance } from '../installation/instance.ts';
import { createProgramKit } from '../program-kit.ts';
import { createLoggedProgress } from '../progress.ts';
import { configOf, DAEMON_OPTIONS } from './setting-options.ts';

// Its templates' commands run as this very user, without walls.
const UNCONFINED = 'process';

export const command = defineCommand({
  name: 'provisioner',
  summary: 'Run a provisioner daemon: it builds workspaces for a control plane',
  description:
    'It needs the address of the control plane (--url) and a provisioner key; beside a control plane ' +
    'in the same data folder it finds both by itself, and waits for one that is starting. Several daemons on one machine need a data ' +
    'folder each. The log goes to standard error as JSON lines. SIGTERM lets running jobs end, and ' +
    'workspaces go on living.',
  arguments: {},
  options: DAEMON_OPTIONS,
  examples: [
    'standby provisioner --url https://standby.example.com --key-file /etc/standby/key',
    'standby provisioner --url http://10.0.0.5:7850 --tags zone=eu --drivers process',
  ],
  run: async (context, values) => {
    const config = configOf(context.environment, values);
    const folder = await openDataFolder(dataDir(context.environment, config.dataDir));
    const kit = createProgramKit(config);
    const signal = context.interrupt();
    try {
      const url = await findUrl(context, { kit, folder, signal });
      const key = await findKey(config, folder);
      const daemon = await startDaemon(kit, {
        config,
        folder: folder.provisionerDir,
        url,
        key,
        drivers: DRIVER_NAMES.filter((name) => name !== UNCONFINED),
        signal,
      });
      context.io.out(`The daemon works for ${url}, with ${daemon.drivers.join(', ')}\n`);
      await Promise.race([whenAborted(signal), whenAborted(daemon.replaced)]);
      await daemon.stop('standby provisioner is stopping');
      if (daemon.replaced.aborted) throw replaced();
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    return 0;
  },
});

function replaced(): AppError {
  return new AppError('DAEMON_REPLACED', 'another process has taken this daemon’s place');
}

interface Beside {
  readonly kit: Kit;
  readonly folder: DataFolder;
  readonly signal: AbortSignal;
}

async function findUrl(
  { globals, environment }: Pick<CommandContext, 'globals' | 'environment'>,
  beside: Beside,
): Promise<string> {
  const given = globals.url ?? environment['STANDBY_URL'];
  if (given !== undefined && given !== '') return checkedUrl(given);
  const found = await findUrlBeside(beside);
  if (found !== undefined) return found;
  throw new AppError('CONFIG_INVALID', {
    detail: `no control plane is named, and none runs in ${beside.folder.path}`,
    hint: 'Name one with --url or STANDBY_URL.',
  });
}

const POLL_MS = 100;

/** Of the control plane in the same data folder; one that is starting is waited for while it lives. */
async function findUrlBeside({ kit, folder, signal }: Beside): Promise<string | undefined> {
  const progress = createLoggedProgress(kit.log);
  for (let told = false; ; told = true) {
    const instance = await findInstance(folder);
    if (instance?.url !== null) return instance?.url;
    if (!told) {
      const { pid } = instance.process;
      progress.busy('control plane', `waiting: process ${pid} is starting one in ${folder.path}`);
    }
    await kit.clock.sleep(POLL_MS, signal);
  }
}

function checkedUrl(text: string): string {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new AppError('CONFIG_INVALID', {
    detail: `the address of the control plane is ${JSON.stringify(text)}, which is no http or https URL`,
    hint: 'Give one such as https://standby.example.com with --url or STANDBY_URL.',
  });
}

async function findKey(config: Config, folder: DataFolder): Promise<string> {
  if (config.provisionerKey !== undefined) return config.provisionerKey;
  const file = config.provisionerKeyFile ?? folder.provisionerKeyFile;
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw new AppError(
      'CONFIG_INVALID',
      {
        detail: `the provisioner key cannot be read from ${file}: ${(error as Error).message}`,
        hint: 'Make a key with `standby provisioner key create`, and name its file with --key-file.',
      },
      { cause: error },
    );
  }
}
