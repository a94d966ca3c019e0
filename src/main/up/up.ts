// `standby up`: the whole of Standby on one machine, in one process and an embedded PostgreSQL.
import { whenAborted } from '../../base/abort.ts';
import type { Kit } from '../../base/kit.ts';
import { createClient } from '../../client/client.ts';
import type { Config } from '../../config/config.ts';
import { FIRST_ORGANIZATION } from '../../people/bootstrap.ts';
import { startDaemon, type RunningDaemon } from '../daemon/daemon.ts';
import { DRIVER_NAMES } from '../daemon/drivers.ts';
import type { DataFolder } from '../installation/data-folder.ts';
import { createProgramKit } from '../program-kit.ts';
import type { Progress } from '../progress.ts';
import { createReleaseStack } from '../release-stack.ts';
import { serve, type Serving } from '../server/serve.ts';
import { pushExamples } from './examples.ts';
import { waitUntilWarm } from './warm-up.ts';

export interface UpOptions {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** The servers answer. */
  onListening(url: string): Promise<void>;
  /** The pools are full, or as full as they can be. */
  onWarm(url: string, template: string | undefined): void;
}

export interface UpResult {
  /** Workspaces whose processes go on living without the servers. */
  readonly livingWorkspaces: number;
}

/** Runs until the signal is aborted, then stops everything in order. */
export async function runUp(options: UpOptions): Promise<UpResult> {
  const { config, folder, progress, signal } = options;
  const kit = createProgramKit(config, folder.logFile);
  const releases = createReleaseStack(kit.log);
  let daemon: RunningDaemon | undefined;
  try {
    const serving = await serve(kit, { ...options, program: 'standby up', releases });
    const { url, credentials } = serving;
    await options.onListening(url);

    daemon = await startDaemon(kit, {
      config,
      folder: folder.provisionerDir,
      url,
      key: credentials.provisionerKey,
      drivers: DRIVER_NAMES,
      signal,
    });
    releases.add(async () => daemon?.stop('standby up is stopping'));
    progress.done('daemon', daemon.drivers.join(', '));
    for (const { name, because } of daemon.missing) {
      progress.note(`the driver ${name} is not offered until it can work here: ${because}`);
    }

    void whenAborted(daemon.replaced).then(() => progress.note(REPLACED));

    await fillPools(kit, options, { ...serving, drivers: daemon.drivers });
    await whenAborted(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await releases.releaseAll();
  }
  return { livingWorkspaces: (await daemon?.countLiving()) ?? 0 };
}

// The servers go on: whoever took the place does the jobs.
const REPLACED =
  'another process has taken the place of the daemon here (a copy of its data folder, say): this one does no more ' +
  'work; see `standby provisioner list`, end the other one, and start again';

async function fillPools(
  kit: Kit,
  options: UpOptions,
  running: Serving & { readonly drivers: readonly string[] },
): Promise<void> {
  const { progress, signal } = options;
  const client = createClient({ url: running.url, token: running.credentials.adminToken });
  const organization = FIRST_ORGANIZATION;
  await pushExamples({ kit, client, progress, organization, drivers: running.drivers, signal });
  const warm = await waitUntilWarm({ kit, client, progress, organization, signal });
  options.onWarm(running.url, warm[0]?.template);
}
