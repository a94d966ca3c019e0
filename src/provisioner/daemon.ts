// The provisioner daemon: takes jobs from the control plane and has its drivers do them.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { AppError, toAppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import { lockFolder, type LockResult } from '../base/folder-lock.ts';
import type { DaemonId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { createService, type Service } from '../base/service.ts';
import { PROVISIONER_PROTOCOL_VERSION } from '../contract/provisioner/protocol.ts';
import { createArchiveCache } from './archive-cache.ts';
import { runAttempt, type AttemptDeps } from './attempt.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Driver } from './driver.ts';
import { loadDaemonIdentity } from './identity.ts';
import { createRegistration, type Registration } from './registration.ts';
import { keepReporting } from './reporter.ts';
import { StopWork } from './stop-work.ts';
import { openAttemptFolder, sweepWorkFolders } from './work-folder.ts';

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
  /** What running jobs are given to end by themselves at a stop. */
  readonly drainMs?: number;
}

/** How long one request for a job may wait at the control plane. */
const ACQUIRE_WAIT_MS = 25_000;
const ACQUIRE_RETRY = { firstMs: 250, maxMs: 10_000 };
const DRAIN_MS = 3_000;
/** After the drain, for drivers to undo what they were doing and to report it. */
const UNDO_MS = 4_000;

export function createDaemon(kit: Kit, options: DaemonOptions): Service {
  const log = kit.log.child({ component: 'daemon' });
  const daemonKit = { ...kit, log };
  const stopWork = new AbortController();
  const giveUp = new AbortController();
  let lock: FolderLock | undefined;

  return createService(kit.clock, {
    name: 'daemon',
    start: async ({ signal, background }) => {
      lock = await takeFolder(daemonKit, options.folder);
      const workDir = path.join(options.folder, 'work');
      await sweepWorkFolders(workDir);
      const machines = options.drivers.flatMap(({ machine }) => machine ?? []);
      for (const machine of machines) await machine.open();
      const registration = await register(daemonKit, options, signal);
      const { controlPlane } = options;
      const archives = createArchiveCache(
        daemonKit,
        path.join(options.folder, 'archives'),
        controlPlane,
      );
      const attempts: AttemptDeps = {
        kit: daemonKit,
        controlPlane,
        drivers: new Map(options.drivers.map((driver) => [driver.name, driver])),
        stopWork: stopWork.signal,
        giveUp: giveUp.signal,
        openFolder: (job) => openAttemptFolder({ workDir, archives }, job),
        onRefused: (error, attempt) => {
          if (registration.isReplaced(error, attempt)) log.error('daemon.replaced', { error });
        },
      };
      for (let n = 0; n < options.concurrency; n++) {
        background(keepWorking({ attempts, registration, signal }));
      }
      background(keepReporting({ kit: daemonKit, controlPlane, registration, machines, signal }));
      background(
        drain(daemonKit, { signal, stopWork, giveUp, drainMs: options.drainMs ?? DRAIN_MS }),
      );
    },
    stop: async () => {
      for (const { machine } of options.drivers) await machine?.close();
      await lock?.release();
    },
  });
}

type FolderLock = Extract<LockResult, { readonly kind: 'held' }>;

async function takeFolder(kit: Kit, folder: string): Promise<FolderLock> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(kit, path.join(folder, 'lock'), { waitMs: 1_000 });
  if (lock.kind === 'held') return lock;
  throw new AppError(
    'DAEMON_FOLDER_TAKEN',
    `process ${lock.by.pid} is a daemon with the data folder ${folder} already`,
  );
}

async function register(
  kit: Kit,
  options: DaemonOptions,
  signal: AbortSignal,
): Promise<Registration> {
  const { daemonId, machineId } = await loadDaemonIdentity(kit, options.folder);
  return createRegistration({
    kit,
    controlPlane: options.controlPlane,
    signal,
    body: {
      protocol_version: PROVISIONER_PROTOCOL_VERSION,
      daemon_id: daemonId satisfies DaemonId,
      name: options.name,
      machine_id: machineId,
      drivers: options.drivers.map(({ name }) => name),
      tags: { ...options.tags },
      slots: options.concurrency,
      version: options.version,
    },
    onEnded: async (attempts) => {
      for (const { job_id: jobId, attempt } of attempts) {
        for (const driver of options.drivers) await driver.undo({ jobId, attempt });
      }
    },
  });
}

interface Worker {
  readonly attempts: AttemptDeps;
  readonly registration: Registration;
  readonly signal: AbortSignal;
}

/** One job after the other until the signal is aborted. Never rejects. */
async function keepWorking({ attempts, registration, signal }: Worker): Promise<void> {
  const { kit, controlPlane } = attempts;
  const backoff = createBackoff(kit.rng, ACQUIRE_RETRY);
  for (;;) {
    try {
      signal.throwIfAborted();
      const registered = await registration.get();
      const job = await controlPlane.acquire(registered, ACQUIRE_WAIT_MS, signal);
      backoff.reset();
      if (job !== undefined) await runAttempt(attempts, job, registered);
    } catch (thrown) {
      if (signal.aborted) return;
      const error = toAppError(thrown);
      const registered = await registration.get().catch(() => undefined);
      if (registered !== undefined && registration.isReplaced(error, registered)) {
        kit.log.error('daemon.replaced', { error });
        return;
      }
      // A control plane that lost its database does not know this daemon any more.
      if (registered !== undefined && error.code === 'NOT_FOUND') registration.forget(registered);
      kit.log.warn('daemon.acquire_failed', { error });
      await kit.clock.sleep(backoff.nextMs(), signal).catch(() => undefined);
    }
  }
}

/** After the stop: lets running attempts end, then ends them, then gives up waiting for answers. */
async function drain(
  { clock }: Kit,
  ending: {
    readonly signal: AbortSignal;
    readonly stopWork: AbortController;
    readonly giveUp: AbortController;
    readonly drainMs: number;
  },
): Promise<void> {
  await new Promise<void>((resolve) => {
    if (ending.signal.aborted) resolve();
    else ending.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  // Not waited for by the stop: when all attempts have ended, nothing is left to end.
  void clock
    .sleep(ending.drainMs)
    .then(() => ending.stopWork.abort(new StopWork('drained')))
    .then(() => clock.sleep(UNDO_MS))
    .then(() => ending.giveUp.abort());
}
