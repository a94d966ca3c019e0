// `standby server`: the control plane by itself, as a service.
import { whenAborted } from '../../base/abort.ts';
import { defineCommand } from '../../cli/command.ts';
import { dataDir } from '../../config/data-dir.ts';
import { openDataFolder } from '../installation/data-folder.ts';
import { occupyOrRefuse } from '../installation/instance.ts';
import { createProgramKit } from '../program-kit.ts';
import { createLoggedProgress } from '../progress.ts';
import { createReleaseStack } from '../release-stack.ts';
import { serve } from '../server/serve.ts';
import { configOf, SERVER_OPTIONS } from './setting-options.ts';

export const command = defineCommand({
  name: 'server',
  summary: 'Run a control plane: the API, the reconciler and the queue',
  description:
    'Any number of them may run on one database; each needs a data folder of its own and the same ' +
    'STANDBY_SECRET_KEY_FILE. The first start makes an administrator, whose token is in ' +
    'credentials.json in the data folder, and a key for daemons in provisioner.key. The log goes to ' +
    'standard error as JSON lines; SIGTERM ends the program in order. Settings come from flags, the ' +
    'environment or STANDBY_CONFIG_FILE: see docs/configuration.md.',
  arguments: {},
  options: SERVER_OPTIONS,
  examples: ['standby server --http-host 0.0.0.0 --database-url postgres://standby@db/standby'],
  run: async (context, values) => {
    const config = configOf(context.environment, values);
    const folder = await openDataFolder(dataDir(context.environment, config.dataDir));
    const kit = createProgramKit(config);
    const signal = context.interrupt();
    const occupation = await occupyOrRefuse(kit, folder);
    const releases = createReleaseStack(kit.log);
    releases.add(() => occupation.release());
    try {
      const { url } = await serve(kit, {
        config,
        folder,
        program: 'standby server',
        progress: createLoggedProgress(kit.log),
        signal,
        releases,
      });
      await occupation.announce(url);
      context.io.out(`Standby serves at ${url}\n`);
      await whenAborted(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await releases.releaseAll();
    }
    return 0;
  },
});
