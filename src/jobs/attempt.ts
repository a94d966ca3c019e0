// Who reports about which attempt, and whether that still counts.
import { AppError } from '../base/app-error.ts';
import type { DaemonId, JobId, ProvisionerKeyId } from '../base/id.ts';

/** One process of a daemon, as it calls. */
export interface DaemonRef {
  readonly daemonId: DaemonId;
  readonly keyId: ProvisionerKeyId;
  readonly incarnation: number;
}

export interface AttemptRef {
  readonly daemon: DaemonRef;
  readonly jobId: JobId;
  readonly attempt: number;
}

export interface Holder {
  readonly attempt: number;
  readonly daemonId: DaemonId | null;
  readonly keyId: ProvisionerKeyId | null;
  readonly incarnation: number | null;
}

/** Throws unless the attempt is the job's latest and the caller is the process that holds it. */
export function checkHolder(ref: AttemptRef, holder: Holder): void {
  const { daemonId, keyId, incarnation } = ref.daemon;
  if (holder.daemonId !== daemonId || holder.keyId !== keyId) {
    throw staleAttempt(ref, 'this daemon does not hold it');
  }
  if (holder.incarnation !== incarnation) throw notThisProcess(ref.daemon, holder.incarnation);
  if (holder.attempt !== ref.attempt) throw staleAttempt(ref, `it is at attempt ${holder.attempt}`);
}

export function staleAttempt({ jobId, attempt }: AttemptRef, why: string): AppError {
  return new AppError('ATTEMPT_STALE', `attempt ${attempt} of job ${jobId} does not count: ${why}`);
}

/**
 * Why a process whose incarnation is not the daemon's is refused. One that is newer than the database
 * knows was registered before the database was put back from a backup: it has to register again.
 */
export function notThisProcess(daemon: DaemonRef, known: number | null | undefined): AppError {
  const isForgotten = known === null || known === undefined || known < daemon.incarnation;
  return isForgotten ? unknownDaemon(daemon) : daemonReplaced(daemon);
}

export function daemonReplaced({ daemonId, incarnation }: DaemonRef): AppError {
  return new AppError(
    'DAEMON_REPLACED',
    `daemon ${daemonId} has registered again since incarnation ${incarnation}`,
  );
}

export function unknownDaemon({ daemonId }: Pick<DaemonRef, 'daemonId'>): AppError {
  return new AppError('NOT_FOUND', {
    detail: `this key has registered no daemon ${daemonId}`,
    hint: 'Register the daemon first.',
  });
}

export function keyRevoked({ keyId }: DaemonRef): AppError {
  return new AppError('UNAUTHENTICATED', {
    detail: `the provisioner key ${keyId} was revoked`,
    hint: 'Make a key with `standby provisioner key create`, and start the daemon with it.',
  });
}
