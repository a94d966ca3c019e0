// `standby down`: ends everything that `standby up` started in a data folder, workspaces included.
import { AppError } from '../../base/app-error.ts';
import type { Kit } from '../../base/kit.ts';
import { isSameProcess } from '../../base/process-identity.ts';
import { stopEmbeddedPostgres } from '../../embedded/server.ts';
import { endAllWorkspaces } from '../../provisioner/drivers/process/end-all.ts';
import type { DataFolder } from '../installation/data-folder.ts';
import { findInstance } from '../installation/instance.ts';
import { workspacesDir } from './local-daemon.ts';

export interface DownResult {
  readonly stoppedServers: boolean;
  readonly stoppedWorkspaces: number;
}

// Longer than the servers' own deadlines together.
const SERVERS_STOP_MS = 90_000;
const POLL_MS = 100;

export async function runDown(kit: Kit, folder: DataFolder): Promise<DownResult> {
  const stoppedServers = await stopServers(kit, folder);
  const stoppedWorkspaces = await endAllWorkspaces(kit.clock, workspacesDir(folder));
  // Left running by servers that were killed.
  await stopEmbeddedPostgres(kit, folder.path);
  return { stoppedServers, stoppedWorkspaces };
}

async function stopServers({ clock }: Kit, folder: DataFolder): Promise<boolean> {
  const instance = await findInstance(folder.instanceFile);
  if (instance === undefined) return false;
  process.kill(instance.process.pid, 'SIGTERM');
  const deadlineMs = clock.monotonicMs() + SERVERS_STOP_MS;
  while (isSameProcess(instance.process)) {
    if (clock.monotonicMs() > deadlineMs) {
      throw new AppError('STOP_TIMEOUT', {
        detail: `process ${instance.process.pid} has not ended for ${SERVERS_STOP_MS / 1000} s`,
        hint: `See ${folder.logFile}; \`kill -9 ${instance.process.pid}\` loses nothing.`,
      });
    }
    await clock.sleep(POLL_MS);
  }
  return true;
}
