// Keeps the state of one attempt stored at the control plane: a file that the driver's tool writes,
// and that is sent at every change. What could not be sent stays in the attempt's folder, for the
// daemon's next life (leftover.ts).
import { watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import { OVER } from '../base/abort.ts';
import { AppError, toAppError } from '../base/app-error.ts';
import { createBackoff } from '../base/backoff.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Kit } from '../base/kit.ts';
import { writePrivateFile } from '../base/private-file.ts';
import { askUntilAnswered, isFinal } from './ask.ts';
import type { AttemptRef, ControlPlane } from './control-plane.ts';
import type { DriverContext } from './driver.ts';
import {
  readStateFile,
  STATE_FILE,
  writeHeldState,
  type HeldState,
  type StateFile,
} from './held-state.ts';

export interface StateKeeper {
  /** Takes the lock and gives the file; a second call gives it again. */
  open(signal: AbortSignal): Promise<string>;
  /**
   * Stops watching and sends the last change. False when the control plane stayed away for too long;
   * throws when it refuses the state, or the tool has left half of one. Without an open there is
   * nothing to send.
   */
  settle(): Promise<boolean>;
}

export interface StateKeeperDeps {
  readonly kit: Kit;
  readonly controlPlane: Pick<ControlPlane, 'takeState' | 'keepState'>;
  readonly attempt: AttemptRef;
  /** The attempt's. */
  readonly folder: string;
  /** Aborted when nobody can wait for answers any longer. */
  readonly giveUp: AbortSignal;
  /** Another attempt has taken the lock. */
  onOvertaken(): void;
  readonly log: DriverContext['log'];
  /** The driver's `rescueState`, once its work has ended. */
  rescue(): Promise<void>;
}

/** A change that no event told of is seen within this. */
const POLL_MS = 1_000;
const RETRY = { firstMs: 100, maxMs: 5_000 };

export function createStateKeeper(deps: StateKeeperDeps): StateKeeper {
  const { kit, controlPlane, attempt, folder, giveUp } = deps;
  const file = path.join(folder, STATE_FILE);
  const settling = new AbortController();
  let held: HeldState | undefined;
  let kept: string | undefined;
  let sent: string | undefined;
  let sequence = 0;
  let opening: Promise<string> | undefined;
  let watching: Promise<void> = Promise.resolve();

  const take = async (signal: AbortSignal): Promise<string> => {
    const taken = await askUntilAnswered(kit, signal, () =>
      controlPlane.takeState(attempt, signal).catch(tellWaiting),
    );
    held = {
      job_id: attempt.jobId,
      attempt: attempt.attempt,
      lock: taken.lock,
      begun: taken.state !== null,
    };
    await writeHeldState(folder, held);
    if (taken.state !== null) await writePrivateFile(file, taken.state);
    kept = taken.state ?? undefined;
    await failpoint('daemon.state_opened');
    watching = watchFile();
    return file;
  };

  let hasTold = false;
  const tellWaiting = (thrown: unknown): never => {
    const error = toAppError(thrown);
    if (error.code === 'STATE_IN_USE' && !hasTold) deps.log('info', `waiting: ${error.detail}`);
    hasTold ||= error.code === 'STATE_IN_USE';
    throw error;
  };

  const send = async (state: string, by: HeldState): Promise<void> => {
    if (!by.begun) {
      held = { ...by, begun: true };
      // A disk that is full must not keep the state from where there is room for it.
      await writeHeldState(folder, held).catch((error: unknown) =>
        kit.log.warn('state.note_not_written', { jobId: attempt.jobId, error }),
      );
    }
    if (state !== sent) sequence += 1;
    sent = state;
    const { lock } = by;
    const answer = await controlPlane.keepState(attempt, { lock, sequence, state }, giveUp);
    kept = state;
    if (answer === 'stray') deps.onOvertaken();
  };

  const sendChange = async (found: StateFile, by: HeldState): Promise<void> => {
    if (found.kind !== 'whole' || found.state === kept) return;
    await failpoint('daemon.state_read');
    await send(found.state, by);
    await failpoint('daemon.state_sent');
  };

  const watchFile = async (): Promise<void> => {
    const bell = createFileBell(kit, folder);
    const backoff = createBackoff(kit.rng, RETRY);
    try {
      while (!settling.signal.aborted) {
        await bell.wait(POLL_MS, settling.signal);
        try {
          if (held !== undefined) await sendChange(await readStateFile(file, held), held);
          backoff.reset();
        } catch (error) {
          kit.log.warn('state.not_kept', { jobId: attempt.jobId, error });
          await kit.clock.sleep(backoff.nextMs(), settling.signal).catch(() => undefined); // settled below
        }
      }
    } finally {
      bell.close();
    }
  };

  /** Undefined when the control plane stayed away for too long. */
  const sendLast = async (by: HeldState): Promise<StateFile['kind'] | undefined> => {
    // Read once: a control plane comes back, and a file that cannot be read does not.
    const found = await readStateFile(file, by);
    const backoff = createBackoff(kit.rng, RETRY);
    for (;;) {
      try {
        await sendChange(found, by);
        return found.kind;
      } catch (error) {
        kit.log.warn('state.not_kept', { jobId: attempt.jobId, error });
        if (isFinal(toAppError(error))) throw error;
      }
      try {
        await kit.clock.sleep(backoff.nextMs(), giveUp);
      } catch {
        return undefined;
      }
    }
  };

  return {
    open: (signal) => {
      opening ??= take(signal);
      return opening;
    },
    settle: async () => {
      settling.abort(OVER);
      await opening?.catch(() => undefined); // its caller was told
      await watching;
      if (held === undefined) return true;
      const fault = await deps.rescue().then(nothing, (error: unknown) => toAppError(error));
      // Also when there is something that could not be rescued: what is whole counts until then.
      const last = await sendLast(held);
      if (last === undefined) return false;
      if (fault !== undefined) throw fault;
      if (last === 'half') throw new AppError('BUILD_FAILED', HALF_WRITTEN);
      return true;
    },
  };
}

const nothing = (): undefined => undefined;

const HALF_WRITTEN =
  'the last state is only half written, so that what was just made may exist without being in the state; ' +
  'the daemon keeps the attempt’s folder in its folder unplaced-states';

interface FileBell {
  /** Until something changed in the folder, at most `longestMs`. */
  wait(longestMs: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

function createFileBell(kit: Kit, folder: string): FileBell {
  let rung = new AbortController();
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(folder, (_event, name) => {
      if (name === STATE_FILE) rung.abort(OVER);
    });
    watcher.on('error', () => undefined); // polling goes on
  } catch (error) {
    kit.log.debug('state.unwatched', { error }); // the system has no watches left; polling serves
  }
  return {
    wait: async (longestMs, signal) => {
      const asleep = AbortSignal.any([rung.signal, signal]);
      await kit.clock.sleep(longestMs, asleep).catch(() => undefined); // woken
      rung = new AbortController();
    },
    close: () => watcher?.close(),
  };
}
