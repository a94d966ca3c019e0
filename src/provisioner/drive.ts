// Has a job's driver do what the job is about.
import { AppError } from '../base/app-error.ts';
import { assertNever } from '../base/assert-never.ts';
import type { Kit } from '../base/kit.ts';
import type { AcquiredJob } from '../contract/provisioner/protocol.ts';
import { askUntilAnswered } from './ask.ts';
import type { AttemptRef, ControlPlane } from './control-plane.ts';
import type { Driver, DriverContext, Started } from './driver.ts';

export interface DriveDeps {
  readonly kit: Kit;
  readonly controlPlane: Pick<ControlPlane, 'readStray' | 'copyState'>;
  readonly drivers: ReadonlyMap<string, Driver>;
}

/** Throws what the driver throws, and BUILD_FAILED for a job that this daemon cannot do. */
export async function drive(
  deps: DriveDeps,
  job: AcquiredJob,
  context: DriverContext & { readonly attempt: AttemptRef },
): Promise<Started> {
  const driver = deps.drivers.get(job.driver);
  if (driver === undefined) {
    throw new AppError('BUILD_FAILED', `this daemon has no driver "${job.driver}"`);
  }
  context.signal.throwIfAborted();
  const { workspace, template } = job;
  switch (job.type) {
    case 'template_version_import':
      await driver.check(template, context);
      return NOTHING;
    case 'rehearsal':
    case 'workspace_build':
    case 'stray_cleanup':
      break;
    default:
      return assertNever(job.type);
  }
  if (workspace === null) throw new AppError('BUILD_FAILED', `job ${job.id} names no workspace`);
  const build = { jobId: job.id, attempt: job.attempt, template, workspace };
  if (job.type === 'rehearsal') {
    if (driver.rehearse === undefined) {
      throw new AppError('BUILD_FAILED', `the driver "${driver.name}" makes no plan to rehearse`);
    }
    const state = await askUntilAnswered(deps.kit, context.signal, () =>
      deps.controlPlane.copyState(context.attempt, context.signal),
    );
    await driver.rehearse({ ...build, state: state ?? undefined }, context);
    return NOTHING;
  }
  if (job.type === 'stray_cleanup') {
    if (driver.destroyStray === undefined) {
      throw new AppError('BUILD_FAILED', `the driver "${driver.name}" keeps no state`);
    }
    const { stray, current } = await askUntilAnswered(deps.kit, context.signal, () =>
      deps.controlPlane.readStray(context.attempt, context.signal),
    );
    await driver.destroyStray({ ...build, stray, current: current ?? undefined }, context);
    return NOTHING;
  }
  switch (workspace.transition) {
    case 'start':
      return driver.start(build, context);
    case 'stop':
      await driver.stop(build, context);
      return NOTHING;
    case 'delete':
      await driver.delete(build, context);
      return NOTHING;
    default:
      return assertNever(workspace.transition);
  }
}

const NOTHING: Started = { outputs: {} };
