// What a daemon asks of the control plane: one function per route, so that the daemon can be tried
// against another implementation than HTTP.
import type { DaemonId } from '../base/id.ts';
import type { Client } from '../client/client.ts';
import type {
  AcquiredJob,
  AwaitCancelsAnswer,
  CopyStateAnswer,
  JobHeartbeatAnswer,
  JobResult,
  KeepStateAnswer,
  LogLine,
  RegisterAnswer,
  RegisterBody,
  Replacement,
  ReportAnswer,
  ReportBody,
  StrayAnswer,
  TakeStateAnswer,
} from '../contract/provisioner/protocol.ts';
import { provisionerRoutes } from '../contract/provisioner/route.ts';

/** Every function throws an AppError: the control plane's code, or SERVER_UNREACHABLE. */
export interface ControlPlane {
  register(body: RegisterBody, signal: AbortSignal): Promise<RegisterAnswer>;
  /** Undefined when there was nothing to do for `waitMs`. */
  acquire(
    caller: Caller,
    call: {
      readonly waitMs: number;
      readonly callId: string;
      /** Former calls that got no answer: what they have taken is given back first. */
      readonly lostCalls: readonly string[];
    },
    signal: AbortSignal,
  ): Promise<AcquiredJob | undefined>;
  /** Gives back what these calls have taken, for nobody will do it. */
  giveBack(caller: Caller, calls: readonly string[], signal: AbortSignal): Promise<void>;
  heartbeat(
    attempt: AttemptRef,
    logs: readonly LogLine[],
    signal: AbortSignal,
  ): Promise<JobHeartbeatAnswer>;
  /**
   * The attempts of this daemon that are to stop, but for those of the `known` jobs; none when nobody
   * asked for that for `waitMs`.
   */
  awaitCancels(
    caller: Caller,
    wait: { readonly known: readonly string[]; readonly waitMs: number },
    signal: AbortSignal,
  ): Promise<AwaitCancelsAnswer['jobs']>;
  /** The slot's next job, where `nextCallId` names the call for it and there is one at once. */
  complete(
    attempt: AttemptRef,
    outcome: Outcome & { readonly nextCallId: string | undefined },
    signal: AbortSignal,
  ): Promise<AcquiredJob | undefined>;
  /** Takes the lock of the state of the workspace that the attempt builds. */
  takeState(attempt: AttemptRef, signal: AbortSignal): Promise<TakeStateAnswer>;
  /** Stores a state under a lock that this daemon took, whatever became of the attempt since. */
  keepState(
    attempt: AttemptRef,
    given: { readonly lock: number; readonly sequence: number; readonly state: string },
    signal: AbortSignal,
  ): Promise<KeepStateAnswer['kept']>;
  /** The states that a cleanup is about. */
  readStray(attempt: AttemptRef, signal: AbortSignal): Promise<StrayAnswer>;
  /** The state that a rehearsal plans on; null when there is none. */
  copyState(attempt: AttemptRef, signal: AbortSignal): Promise<CopyStateAnswer['state']>;
  report(
    caller: Caller,
    workspaces: ReportBody['workspaces'],
    signal: AbortSignal,
  ): Promise<ReportAnswer['workspaces']>;
  /** The archive of a template version, by its SHA-256 in hex. */
  getFile(hash: string, signal: AbortSignal): Promise<Uint8Array>;
  /** Those among these archives that no template has a version of any more. */
  findUnusedFiles(hashes: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
}

/** What became of an attempt. */
export interface Outcome {
  readonly result: JobResult;
  /** What the build of a claim threw away. */
  readonly replaced: readonly Replacement[];
}

export interface Caller {
  readonly daemonId: DaemonId;
  readonly incarnation: number;
}

export interface AttemptRef extends Caller {
  readonly jobId: string;
  readonly attempt: number;
}

/**
 * What a call may take that brings no state and no archive, beside what it asks to wait. A control plane
 * that stands still takes calls and answers none; three such heartbeats fit in the time after which a
 * silent attempt is lost, so that another one behind the same address is reached before that.
 */
const ANSWER_MS = 10_000;
/**
 * A wait for work shows so often that the control plane is at it: one that stands still is given up sooner, and
 * no proxy takes the wait for an idle connection. A blank costs less than another call.
 */
const ALIVE_MS = 25_000;
/** The longest wait that shows nothing: proxies give up after a minute of silence. */
const SILENT_WAIT_MS = 50_000;

export function createHttpControlPlane(client: Client): ControlPlane {
  const of = (attempt: AttemptRef) => ({
    params: { daemon: attempt.daemonId, job: attempt.jobId },
    fence: { incarnation: attempt.incarnation, attempt: attempt.attempt },
  });
  const soon = (signal: AbortSignal) => ({ signal, timeoutMs: ANSWER_MS });
  return {
    register: async (body, signal) =>
      (await client.call(provisionerRoutes.registerDaemon, { body }, soon(signal))).body,
    acquire: async ({ daemonId, incarnation }, { waitMs, callId, lostCalls }, signal) => {
      const named = { call_id: callId, lost_calls: [...lostCalls] };
      const longestMs = client.showsLife() ? waitMs : Math.min(waitMs, SILENT_WAIT_MS);
      const input = {
        params: { daemon: daemonId },
        body: { incarnation, wait_ms: longestMs, alive_ms: ALIVE_MS, ...named },
      };
      const { body } = await client.call(provisionerRoutes.acquireJob, input, soon(signal));
      return body ?? undefined;
    },
    giveBack: async ({ daemonId, incarnation }, calls, signal) => {
      const body = { incarnation, wait_ms: 0, lost_calls: [...calls], gives_back_only: true };
      const input = { params: { daemon: daemonId }, body };
      await client.call(provisionerRoutes.acquireJob, input, soon(signal));
    },
    heartbeat: async (attempt, logs, signal) => {
      const { params, fence } = of(attempt);
      const input = { params, body: { ...fence, logs: [...logs] } };
      return (await client.call(provisionerRoutes.heartbeatJob, input, soon(signal))).body;
    },
    awaitCancels: async ({ daemonId, incarnation }, { known, waitMs }, signal) => {
      const body = { incarnation, wait_ms: waitMs, known: [...known] };
      const input = { params: { daemon: daemonId }, body };
      return (await client.call(provisionerRoutes.awaitCancels, input, soon(signal))).body.jobs;
    },
    complete: async (attempt, { result, replaced, nextCallId }, signal) => {
      const { params, fence } = of(attempt);
      const next = nextCallId === undefined ? null : { call_id: nextCallId };
      const input = { params, body: { ...fence, result, replaced: [...replaced], next } };
      const { body } = await client.call(provisionerRoutes.completeJob, input, soon(signal));
      return body ?? undefined;
    },
    takeState: async (attempt, signal) => {
      const { params, fence } = of(attempt);
      return (await client.call(provisionerRoutes.takeState, { params, body: fence }, { signal }))
        .body;
    },
    keepState: async (attempt, given, signal) => {
      const { params, fence } = of(attempt);
      const input = { params, body: { ...fence, ...given } };
      return (await client.call(provisionerRoutes.keepState, input, { signal })).body.kept;
    },
    readStray: async (attempt, signal) => {
      const { params, fence } = of(attempt);
      return (await client.call(provisionerRoutes.readStray, { params, body: fence }, { signal }))
        .body;
    },
    copyState: async (attempt, signal) => {
      const { params, fence } = of(attempt);
      const input = { params, body: fence };
      return (await client.call(provisionerRoutes.copyState, input, { signal })).body.state;
    },
    report: async ({ daemonId, incarnation }, workspaces, signal) => {
      const input = { params: { daemon: daemonId }, body: { incarnation, workspaces } };
      const { body } = await client.call(provisionerRoutes.reportWorkspaces, input, soon(signal));
      return body.workspaces;
    },
    getFile: async (hash, signal) =>
      (await client.call(provisionerRoutes.getFile, { params: { hash } }, { signal })).body,
    findUnusedFiles: async (hashes, signal) => {
      const body = { hashes: [...hashes] };
      return (await client.call(provisionerRoutes.findUnusedFiles, { body }, { signal })).body
        .hashes;
    },
  };
}
