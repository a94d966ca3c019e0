// A daemon's first call: it gets an incarnation, and the attempts of its earlier life end at once.
import { AppError } from '../base/app-error.ts';
import type {
  DaemonId,
  JobId,
  OrganizationId,
  ProvisionerKeyId,
  RegistrationId,
} from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import { JOB_FAILURES } from '../domain/job/failure.ts';
import { listHeldJobs, registerDaemonRow } from '../store/daemon.ts';
import type { Database } from '../store/database.ts';
import { asJson } from '../store/statement.ts';
import { storableText } from '../store/storable-text.ts';
import { lockJob } from './locked-job.ts';
import { endLostAttempt } from './lost-attempt.ts';

export interface RegisteringKey {
  readonly keyId: ProvisionerKeyId;
  /** Null: the key serves every organization. */
  readonly organizationId: OrganizationId | null;
  readonly tags: Readonly<Record<string, string>>;
}

export interface RegisteringDaemon {
  /** Stable: kept in the daemon's data folder. */
  readonly id: DaemonId;
  /** Said again, it is the same registration. */
  readonly registrationId?: RegistrationId;
  readonly name: string;
  /** Where its workspaces live: daemons that can look after each other's say the same. */
  readonly machineId: string;
  readonly drivers: readonly string[];
  /** By driver: the tool that it works with. */
  readonly tools?: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly slots: number;
  readonly version: string;
  readonly protocolVersion: number;
}

export interface Registration {
  readonly incarnation: number;
  readonly endedAttempts: readonly { readonly jobId: JobId; readonly attempt: number }[];
}

/**
 * Registers a process of a daemon; the former one is refused from here on. Throws DAEMON_ID_TAKEN
 * when another key holds the id that was not revoked, or served somebody else.
 */
export async function registerDaemon(
  { database, ...kit }: Kit & { readonly database: Database },
  key: RegisteringKey,
  asked: RegisteringDaemon,
): Promise<Registration> {
  const daemonId = asked.id;
  const row = await registerDaemonRow.maybe(database, {
    id: daemonId,
    registrationId: asked.registrationId ?? null,
    keyId: key.keyId,
    organizationId: key.organizationId,
    name: storableText(asked.name),
    machineId: storableText(asked.machineId),
    drivers: asked.drivers.map(storableText),
    tools: asJson(storable(asked.tools ?? {})),
    // What the key says cannot be overruled by who holds it.
    tags: asJson({ ...storable(asked.tags), ...key.tags }),
    slots: asked.slots,
    version: storableText(asked.version),
    protocolVersion: asked.protocolVersion,
  });
  if (row === undefined) {
    throw new AppError('DAEMON_ID_TAKEN', `another key has registered daemon ${daemonId}`);
  }
  // Pools may have waited for more slots.
  database.announce([{ kind: 'daemon', organizationId: key.organizationId }]);
  const { incarnation } = row;
  const ended = await endFormerAttempts({ database, ...kit }, daemonId, incarnation);
  kit.log.info('daemon.registered', { daemonId, incarnation, ended });
  return { incarnation, endedAttempts: ended };
}

/**
 * Ends what former processes hold, and nothing that this one has taken: it may have had its answer from
 * another control plane by now. Each job has a transaction of its own, so that a few locks are held at a
 * time; what a crash leaves is ended by the next registration.
 */
async function endFormerAttempts(
  { database, ...kit }: Kit & { readonly database: Database },
  daemonId: DaemonId,
  incarnation: number,
): Promise<Registration['endedAttempts']> {
  const held = await listHeldJobs.all(database, { daemonId });
  const ended: { readonly jobId: JobId; readonly attempt: number }[] = [];
  for (const { id } of held) {
    const attempt = await database.transaction(async (tx) => {
      const locked = await lockJob(tx, id);
      if (locked?.job.daemonId !== daemonId) return undefined;
      if ((locked.job.takenByIncarnation ?? 0) >= incarnation) return undefined;
      const isEnded = await endLostAttempt(kit, tx, {
        locked,
        code: JOB_FAILURES.daemonLost,
        error: `daemon ${daemonId} was started anew and does not work on this attempt any more`,
      });
      return isEnded ? locked.job.attempt : undefined;
    });
    if (attempt !== undefined) ended.push({ jobId: id, attempt });
  }
  return ended;
}

function storable(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(texts).map(([name, value]) => [storableText(name), storableText(value)]),
  );
}
