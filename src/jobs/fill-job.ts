// What a daemon needs for a job beside what the handing out gives.
import type { Keyring } from '../keys/keyring.ts';
import { openParameters } from '../keys/secret-parameters.ts';
import type { Database } from '../store/database.ts';
import type { TakenJob } from '../store/job-acquire.ts';
import { findStrayBuild } from '../store/stray-state.ts';

/** Throws SealBroken when the values of its sensitive parameters do not open. */
export async function fillJob(
  deps: { readonly database: Database; readonly keyring: Keyring },
  taken: TakenJob,
): Promise<TakenJob> {
  return withSecrets(deps, await withStray(deps.database, taken));
}

/** A cleanup is about a former build, which is not worth joining to every acquisition. */
async function withStray(database: Database, taken: TakenJob): Promise<TakenJob> {
  if (taken.type !== 'stray_cleanup') return taken;
  return { ...taken, ...(await findStrayBuild.one(database, { jobId: taken.id })) };
}

/** The daemon gets the values of sensitive parameters with the others. */
async function withSecrets(
  { database, keyring }: { readonly database: Database; readonly keyring: Keyring },
  job: TakenJob,
): Promise<TakenJob> {
  const { build } = job;
  const id = build?.secretParametersId ?? null;
  if (build === null || id === null) return job;
  const secrets = await openParameters({ on: database, keyring }, build.workspaceId, id);
  return { ...job, build: { ...build, parameters: { ...build.parameters, ...secrets } } };
}
