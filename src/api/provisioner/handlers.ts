// The routes that provisioner daemons call.
import { AppError } from '../../base/app-error.ts';
import { parseInstant } from '../../base/clock.ts';
import type { AcquireCallId, DaemonId, JobId, RegistrationId, WorkspaceId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { Precedence } from '../../base/precedence.ts';
import type { CompleteBody } from '../../contract/provisioner/protocol.ts';
import type { provisionerRoutes } from '../../contract/provisioner/route.ts';
import { acquireJob } from '../../jobs/acquire-job.ts';
import { unknownDaemon, type AttemptRef, type DaemonRef } from '../../jobs/attempt.ts';
import { awaitCancels } from '../../jobs/await-cancels.ts';
import { completeJob, type ReportedResult } from '../../jobs/complete-job.ts';
import { completeAndAcquire } from '../../jobs/complete-and-acquire.ts';
import { createDispatcher } from '../../jobs/dispatcher.ts';
import { createReportAndTake } from '../../jobs/report-and-take.ts';
import { heartbeatJob } from '../../jobs/heartbeat-job.ts';
import { createAttemptEnder } from '../../jobs/end-builds.ts';
import { createLoneJobFinisher } from '../../jobs/lone-job.ts';
import { registerDaemon } from '../../jobs/register-daemon.ts';
import { reportWorkspaces } from '../../jobs/report-workspaces.ts';
import { copyState } from '../../jobs/state/copy-state.ts';
import { keepState } from '../../jobs/state/keep-state.ts';
import { readStray } from '../../jobs/state/read-stray.ts';
import { takeState } from '../../jobs/state/take-state.ts';
import type { GroupOptions } from '../../jobs/waiting-group.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { findDaemon } from '../../store/daemon.ts';
import { findFileForDaemon, findUnusedFiles } from '../../store/daemon-file.ts';
import type { Database } from '../../store/database.ts';
import type { TakenJob } from '../../store/job-acquire.ts';
import type { NoticeBus } from '../../store/notice-bus.ts';
import type { Handlers, ProvisionerCaller } from '../handler.ts';
import { viewAcquiredJob, type Surroundings } from './view.ts';

export interface ProvisionerHandlerDeps extends Surroundings {
  readonly kit: Kit;
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
  readonly keyring: Keyring;
  readonly precedence: Pick<Precedence, 'behind'>;
}

export interface ProvisionerHandlerOptions {
  /** What daemons are told; far below the time after which a silent job counts as hung. */
  readonly heartbeatIntervalMs: number;
  readonly reportIntervalMs: number;
  readonly logLimitBytes: number;
  readonly dispatch: GroupOptions;
}

export function createProvisionerHandlers(
  handlerDeps: ProvisionerHandlerDeps,
  { heartbeatIntervalMs, reportIntervalMs, logLimitBytes, dispatch }: ProvisionerHandlerOptions,
): Handlers<keyof typeof provisionerRoutes> {
  const { kit, database, bus, keyring, precedence } = handlerDeps;
  const dispatcher = createDispatcher({ ...kit, database, bus }, dispatch);
  const finishLoneJob = createLoneJobFinisher({ ...kit, database });
  const reportAndTake = createReportAndTake({ ...kit, database });
  const endAttempt = createAttemptEnder({
    ...kit,
    database,
    precedence,
    builds: dispatcher.builds,
  });
  const deps = {
    ...{ ...kit, database, bus, dispatcher, keyring },
    ...{ finishLoneJob, reportAndTake, endAttempt },
  };
  const answerJob = (job: TakenJob | undefined) =>
    job === undefined
      ? ({ status: 204, body: null } as const)
      : ({ status: 200, body: viewAcquiredJob(job, handlerDeps) } as const);
  return {
    registerDaemon: async ({ caller, body, signal }) => {
      // A control plane that stood still comes to it late: whoever asked may be gone, and another process
      // of the daemon, which this one must not replace, be there.
      signal.throwIfAborted();
      const { incarnation, endedAttempts } = await registerDaemon(deps, caller, {
        id: body.daemon_id as DaemonId,
        ...(body.registration_id === null
          ? {}
          : { registrationId: body.registration_id as RegistrationId }),
        name: body.name,
        machineId: body.machine_id,
        drivers: body.drivers,
        tools: body.tools,
        tags: body.tags,
        slots: body.slots,
        version: body.version,
        protocolVersion: body.protocol_version,
      });
      return {
        status: 200,
        body: {
          incarnation,
          heartbeat_interval_ms: heartbeatIntervalMs,
          report_interval_ms: reportIntervalMs,
          ended_attempts: endedAttempts.map(({ jobId, attempt }) => ({ job_id: jobId, attempt })),
        },
      };
    },

    acquireJob: async ({ caller, params, body, signal }) => {
      const daemon = daemonOf(caller, params.daemon, body.incarnation);
      const job = await acquireJob(deps, daemon, {
        signal,
        waitMs: body.wait_ms,
        ...(body.call_id === null ? {} : { callId: body.call_id as AcquireCallId }),
        lostCalls: body.lost_calls.map((id) => id as AcquireCallId),
        givesBackOnly: body.gives_back_only,
      });
      return answerJob(job);
    },

    heartbeatJob: async ({ caller, params, body }) => {
      const logs = body.logs.map((line) => ({ ...line, at: parseInstant(line.at) ?? 0 }));
      const attempt = attemptOf(caller, params, body);
      const { cancel, logFull } = await heartbeatJob({ database, logLimitBytes }, attempt, logs);
      return { status: 200, body: { cancel, log_full: logFull } };
    },

    awaitCancels: async ({ caller, params, body, signal }) => {
      const daemon = daemonOf(caller, params.daemon, body.incarnation);
      const known = body.known.map((id) => id as JobId);
      const jobs = await awaitCancels(deps, daemon, { known, signal, waitMs: body.wait_ms });
      const canceled = jobs.map(({ id, attempt }) => ({ job_id: id, attempt }));
      return { status: 200, body: { jobs: canceled } };
    },

    completeJob: async ({ caller, params, body, signal }) => {
      const attempt = attemptOf(caller, params, body);
      const result = { ...resultOf(body.result), replaced: body.replaced };
      if (body.next === null) {
        await completeJob(deps, attempt, result);
        return { status: 204, body: null };
      }
      const callId = body.next.call_id as AcquireCallId;
      return answerJob(await completeAndAcquire(deps, { attempt, result }, { callId, signal }));
    },

    takeState: async ({ caller, params, body }) => ({
      status: 200,
      body: await takeState(deps, attemptOf(caller, params, body)),
    }),

    keepState: async ({ caller, params, body }) => {
      // A former process of the daemon may say what it knows as well: the lock alone decides.
      const { keyId } = caller;
      const daemonId = params.daemon as DaemonId;
      const known = await findDaemon.maybe(database, { id: daemonId, keyId });
      if (known === undefined) throw unknownDaemon({ daemonId });
      const kept = await keepState(deps, { daemonId, jobId: params.job as JobId, ...body });
      return { status: 200, body: { kept } };
    },

    readStray: async ({ caller, params, body }) => ({
      status: 200,
      body: await readStray(deps, attemptOf(caller, params, body)),
    }),

    copyState: async ({ caller, params, body }) => ({
      status: 200,
      body: { state: await copyState(deps, attemptOf(caller, params, body)) },
    }),

    reportWorkspaces: async ({ caller, params, body }) => {
      const daemon = daemonOf(caller, params.daemon, body.incarnation);
      const reported = body.workspaces.map((one) => ({ ...one, id: one.id as WorkspaceId }));
      const workspaces = await reportWorkspaces(deps, daemon, reported);
      return { status: 200, body: { workspaces: [...workspaces] } };
    },

    findUnusedFiles: async ({ caller, body }) => {
      const unused = await findUnusedFiles.all(database, {
        hashes: body.hashes.map((hash) => Buffer.from(hash, 'hex')),
        organizationId: caller.organizationId,
      });
      return { status: 200, body: { hashes: unused.map(({ hash }) => hash.toString('hex')) } };
    },
    getFile: async ({ caller, params }) => {
      const file = await findFileForDaemon.maybe(database, {
        hash: Buffer.from(params.hash, 'hex'),
        organizationId: caller.organizationId,
      });
      if (file === undefined) throw new AppError('NOT_FOUND', `there is no file ${params.hash}`);
      return { status: 200, body: file.bytes };
    },
  };
}

function daemonOf(caller: ProvisionerCaller, daemon: string, incarnation: number): DaemonRef {
  return { daemonId: daemon as DaemonId, keyId: caller.keyId, incarnation };
}

function attemptOf(
  caller: ProvisionerCaller,
  params: { readonly daemon: string; readonly job: string },
  body: { readonly incarnation: number; readonly attempt: number },
): AttemptRef {
  return {
    daemon: daemonOf(caller, params.daemon, body.incarnation),
    jobId: params.job as JobId,
    attempt: body.attempt,
  };
}

function resultOf(result: CompleteBody['result']): ReportedResult {
  switch (result.outcome) {
    case 'succeeded': {
      const { outcome, outputs, secret_outputs: secretOutputs, resources } = result;
      return { outcome, outputs, secretOutputs, resources };
    }
    case 'failed': {
      const { outcome, error, error_code: errorCode } = result;
      return { outcome, error, errorCode };
    }
    case 'canceled':
      return result;
  }
}
