// `standby down`: ends everything that runs in a data folder, workspaces included.
import { AppError } from '../../base/app-error.ts';
import { findHolder } from '../../base/folder-lock.ts';
import type { Kit } from '../../base/kit.ts';
import { isSameProcess, type ProcessIdentity } from '../../base/process-identity.ts';
import type { Config } from '../../config/config.ts';
import { stopEmbeddedPostgres } from '../../embedded/server.ts';
import type { DataFolder } from '../installation/data-folder.ts';
import { endWorkspaces, type SilentEngine } from './end-workspaces.ts';

export interface DownResult {
  readonly stoppedServers: boolean;
  readonly stoppedWorkspaces: number;
  readonly silentEngine: SilentEngine | undefined;
}

// Longer than the servers' own deadlines together.
const SERVERS_STOP_MS = 90_000;
const POLL_MS = 100;

export async function runDown(
  kit: Kit,
  { folder, config }: { readonly folder: DataFolder; readonly config: Config },
): Promise<DownResult> {
  const stoppedServers = await stopServers(kit, folder);
  try {
    const { stopped, silentEngine } = await endWorkspaces(kit, {
      config,
      folder: folder.provisionerDir,
    });
    return { stoppedServers, stoppedWorkspaces: stopped, silentEngine };
  } finally {
    // Left running by servers that were killed.
    await stopEmbeddedPostgres(kit, folder.path);
  }
}

/** The control plane and the daemon; in `standby up` they are one process. */
async function stopServers({ clock }: Kit, folder: DataFolder): Promise<boolean> {
  const holders = [await findHolder(folder.provisionerLock), await findHolder(folder.instanceLock)];
  const running = holders.filter((holder) => holder !== undefined);
  for (const pid of new Set(running.map((identity) => identity.pid))) process.kill(pid, 'SIGTERM');
  const deadlineMs = clock.monotonicMs() + SERVERS_STOP_MS;
  for (const identity of running) {
    while (isSameProcess(identity)) {
      if (clock.monotonicMs() > deadlineMs) throw tooLate(identity, folder);
      await clock.sleep(POLL_MS);
    }
  }
  return running.length > 0;
}

function tooLate({ pid }: ProcessIdentity, { logFile }: DataFolder): AppError {
  return new AppError('STOP_TIMEOUT', {
    detail: `process ${pid} has not ended for ${SERVERS_STOP_MS / 1000} s`,
    hint: `See ${logFile}; \`kill -9 ${pid}\` loses nothing.`,
  });
}
