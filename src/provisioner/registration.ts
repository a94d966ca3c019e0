// The daemon's standing with the control plane: registered once, and again when it was forgotten.
import { toAppError, type AppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import { createId, type RegistrationId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { RegisterAnswer, RegisterBody } from '../contract/provisioner/protocol.ts';
import type { Caller, ControlPlane } from './control-plane.ts';

export interface Registered extends Caller {
  readonly heartbeatIntervalMs: number;
  readonly reportIntervalMs: number;
}

export interface Registration {
  /** Waits, and tries again, until the control plane has answered. Rejects when the daemon stops. */
  get(): Promise<Registered>;
  /** Says again what the daemon is, which has changed, as the same registration. */
  renew(): Promise<void>;
  /** A call that `caller` made as this daemon was refused: learns what that says of its standing. */
  refused(error: AppError, caller: Caller): void;
}

export type DaemonBody = Omit<RegisterBody, 'registration_id'> & {
  readonly daemon_id: Caller['daemonId'];
};

export interface RegistrationDeps {
  readonly kit: Kit;
  readonly controlPlane: Pick<ControlPlane, 'register'>;
  /** What the daemon is by now. */
  body(): DaemonBody;
  readonly signal: AbortSignal;
  /** Settles attempts of an earlier life that the control plane has just ended. */
  onEnded(attempts: RegisterAnswer['ended_attempts']): Promise<void>;
  /** A newer process has taken this daemon's place. */
  onReplaced(error: AppError): void;
}

/** A control plane that restarts is back within seconds; one that is away longer is asked rarely. */
const RETRY = { firstMs: 250, maxMs: 15_000 };

export function createRegistration(deps: RegistrationDeps): Registration {
  let pending: Promise<Registered> | undefined;
  let newest: Registered | undefined;

  let registrationId: RegistrationId | undefined;

  const register = async (id: RegistrationId): Promise<Registered> => {
    registrationId = id;
    const answer = await registerUntilAnswered(deps, id);
    newest = {
      daemonId: deps.body().daemon_id,
      incarnation: answer.incarnation,
      heartbeatIntervalMs: answer.heartbeat_interval_ms,
      reportIntervalMs: answer.report_interval_ms,
    };
    deps.kit.log.info('daemon.registered', {
      daemonId: newest.daemonId,
      incarnation: newest.incarnation,
      endedAttempts: answer.ended_attempts.length,
    });
    await deps.onEnded(answer.ended_attempts);
    return newest;
  };

  return {
    get: () => (pending ??= register(createId(deps.kit))),
    renew: async () => {
      await pending;
      // Another id would end what the daemon works on.
      pending = register(registrationId ?? createId(deps.kit));
      await pending;
    },
    refused: (error, caller) => {
      // What was said of an earlier registration of this process is no news.
      if (caller.incarnation !== newest?.incarnation) return;
      if (error.code === 'DAEMON_REPLACED') deps.onReplaced(error);
      // The control plane lost its memory of this daemon: its database was restored, or replaced.
      // Said once: what other calls hear of it must not end the registration that is under way.
      if (error.code === 'NOT_FOUND') pending = newest = undefined;
    },
  };
}

async function registerUntilAnswered(
  deps: RegistrationDeps,
  registrationId: RegistrationId,
): Promise<RegisterAnswer> {
  const backoff = createBackoff(deps.kit.rng, RETRY);
  // One for all tries: a try that got no answer may be carried out yet, and must not count as another
  // process of this daemon.
  const body = { ...deps.body(), registration_id: registrationId };
  let told: string | undefined;
  for (;;) {
    try {
      return await deps.controlPlane.register(body, deps.signal);
    } catch (thrown) {
      deps.signal.throwIfAborted();
      const error = toAppError(thrown);
      // Every refusal is tried again, for a key can be made valid and a control plane upgraded; but
      // the log names each reason once, not each try.
      if (error.code !== told) deps.kit.log.warn('daemon.register_failed', { error });
      told = error.code;
      await deps.kit.clock.sleep(backoff.nextMs(), deps.signal);
    }
  }
}
