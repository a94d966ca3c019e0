// The provisioner daemon: takes jobs from the control plane, has its drivers do them, and looks after
// the workspaces on its machine in between.
import { setMaxListeners } from 'node:events';
import { isAborted } from '../base/abort.ts';
import type { Kit } from '../base/kit.ts';
import { createService, type Service, type ServiceScope } from '../base/service.ts';
import type { RegisterAnswer } from '../contract/provisioner/protocol.ts';
import { PROVISIONER_PROTOCOL_VERSION } from '../contract/provisioner/version.ts';
import { createArchiveCache } from './archive-cache.ts';
import { createCancelWatch } from './cancel-watch.ts';
import type { ControlPlane } from './control-plane.ts';
import { takeDataFolder, type DataFolder } from './data-folder.ts';
import { createDeadlines } from './deadlines.ts';
import { awaitDrivers, type MissingDriver } from './await-drivers.ts';
import type { Driver, Machine } from './driver.ts';
import { forgetFiles } from './forget-files.ts';
import { loadDaemonIdentity } from './identity.ts';
import { settleLeftovers } from './leftover.ts';
import { ATTEMPT_PROCESSES, endLeftoverProcesses } from './leftover-processes.ts';
import { createLostCalls } from './lost-calls.ts';
import { createOffered, type Offered } from './offered.ts';
import { createRegistration } from './registration.ts';
import { report } from './report.ts';
import { StopWork } from './stop-work.ts';
import { openAttemptFolder } from './work-folder.ts';
import { work, type WorkerDeps } from './worker.ts';

export interface DaemonOptions {
  /** Of this daemon alone. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Jobs at once. */
  readonly concurrency: number;
  readonly controlPlane: ControlPlane;
  readonly drivers: readonly Driver[];
  /** Offered as soon as they can work here. */
  readonly missing?: readonly MissingDriver[];
  /** What running jobs are given to end by themselves at a stop. */
  readonly drainMs: number;
}

export interface Daemon extends Service {
  /** Aborted when a newer process has taken this daemon's place: this one does no more work. */
  readonly replaced: AbortSignal;
  /** Of the drivers that it offers now. */
  machines(): readonly Machine[];
}

/** After the drain, for drivers to undo what they were doing and to report it. */
const UNDO_MS = 4_000;

/** Its start throws DAEMON_FOLDER_TAKEN while another process uses the folder; a stop ends it at once. */
export function createDaemon(kit: Kit, options: DaemonOptions): Daemon {
  const replaced = new AbortController();
  const offered = createOffered(options.drivers);
  let folder: DataFolder | undefined;

  const service = createService(kit.clock, {
    name: 'daemon',
    start: async (scope) => {
      folder = await takeDataFolder(kit, options.folder);
      const inUse = await endLeftoverProcesses(
        { ...kit, processes: ATTEMPT_PROCESSES },
        folder.work,
        scope.signal,
      );
      for (const machine of offered.machines()) await machine.open();
      await startLoops(kit, options, { folder, scope, replaced, inUse, offered });
    },
    stop: async () => {
      for (const machine of offered.machines()) await machine.close();
      await folder?.release();
    },
  });
  return { ...service, replaced: replaced.signal, machines: () => offered.machines() };
}

interface Life {
  readonly folder: DataFolder;
  readonly scope: ServiceScope;
  readonly replaced: AbortController;
  /** Folders of attempts in which something of an earlier life works on. */
  readonly inUse: ReadonlySet<string>;
  readonly offered: Offered;
}

async function startLoops(given: Kit, options: DaemonOptions, life: Life): Promise<void> {
  const { folder, scope, replaced, inUse, offered } = life;
  const { controlPlane, drivers, missing = [], concurrency } = options;
  const identity = await loadDaemonIdentity(given, options.folder);
  const { daemonId, machineId } = identity;
  const kit = { ...given, log: given.log.child({ component: 'daemon', daemonId }) };
  const stopping = AbortSignal.any([scope.signal, replaced.signal]);
  const { drainMs } = options;
  const deadlines = createDeadlines(kit, { drainMs, undoMs: UNDO_MS });
  // Every slot listens.
  setMaxListeners(0, stopping, deadlines.stopWork, deadlines.giveUp);

  /** For drivers that were not there to undo them. */
  const endedEarlier: RegisterAnswer['ended_attempts'] = [];
  const registration = createRegistration({
    kit,
    controlPlane,
    body: () => ({
      protocol_version: PROVISIONER_PROTOCOL_VERSION,
      daemon_id: daemonId,
      machine_id: machineId,
      name: options.name,
      drivers: [...offered.drivers.keys()],
      tools: Object.fromEntries(
        [...offered.drivers.values()].flatMap(({ name, tool }) =>
          tool === undefined ? [] : [[name, tool]],
        ),
      ),
      tags: { ...options.tags },
      slots: concurrency,
      version: options.version,
    }),
    signal: stopping,
    onEnded: async (attempts) => {
      if (missing.length > 0) endedEarlier.push(...attempts);
      await undoAttempts(kit, [...offered.drivers.values()], attempts);
    },
    onReplaced: (error) => {
      kit.log.error('daemon.replaced', { error });
      deadlines.stopNow(new StopWork('stale'));
      replaced.abort(error);
    },
  });

  const archives = createArchiveCache(kit, folder.archives, controlPlane);
  const cancels = createCancelWatch({ kit, controlPlane, registration });
  const worker: WorkerDeps = {
    kit,
    controlPlane,
    registration,
    cancels,
    lostCalls: createLostCalls(kit.clock),
    drivers: offered.drivers,
    stopWork: deadlines.stopWork,
    giveUp: deadlines.giveUp,
    openFolder: (job) => openAttemptFolder({ kit, folders: folder, archives }, job),
  };
  // Before any work: a state that is late becomes a stray when the next attempt has taken its lock.
  const settled = settleLeftovers(
    { kit, controlPlane, registration, drivers, folders: folder, inUse },
    stopping,
  );
  const workWhenSettled = async (): Promise<void> => {
    try {
      await settled;
    } catch (error) {
      if (isAborted(stopping)) return;
      kit.log.error('leftover.failed', { error });
    }
    await work(worker, stopping);
  };
  const loops = [
    ...Array.from({ length: concurrency }, workWhenSettled),
    report({ kit, controlPlane, registration, offered }, { signal: stopping, concurrency }),
  ];
  const done = new AbortController();
  scope.background(Promise.all(loops).then(() => done.abort()));
  const catchUp = (driver: Driver): Promise<void> => undoAttempts(kit, [driver], endedEarlier);
  scope.background(awaitDrivers({ kit, offered, registration, catchUp }, missing, stopping));
  scope.background(cancels.run(done.signal));
  scope.background(forgetFiles({ kit, controlPlane, offered }, stopping));
  scope.background(deadlines.follow(stopping, done.signal));
}

/** What the control plane counts as lost must not stay behind as if it had succeeded. */
async function undoAttempts(
  kit: Kit,
  drivers: readonly Driver[],
  attempts: RegisterAnswer['ended_attempts'],
): Promise<void> {
  for (const { job_id: jobId, attempt } of attempts) {
    for (const driver of drivers) {
      try {
        await driver.undo({ jobId, attempt });
      } catch (error) {
        kit.log.error('attempt.undo_failed', { jobId, attempt, driver: driver.name, error });
      }
    }
  }
}
