// What a daemon needs for a job beside what the handing out gives.
import type { Keyring } from '../keys/keyring.ts';
import { openParameters } from '../keys/secret-parameters.ts';
import type { Database } from '../store/database.ts';
import type { TakenJob } from '../store/job-acquire.ts';
import { findRehearsedBuild } from '../store/rehearsal.ts';
import { findStrayBuild } from '../store/stray-state.ts';

/** Throws SealBroken when the values of its sensitive parameters do not open. */
export async function fillJob(
  deps: { readonly database: Database; readonly keyring: Keyring },
  taken: TakenJob,
): Promise<TakenJob> {
  return withSecrets(deps, await withSubject(deps.database, taken));
}

/** Cleanups and rehearsals are about a former build, which is not worth joining to every acquisition. */
async function withSubject(database: Database, taken: TakenJob): Promise<TakenJob> {
  const { id: jobId } = taken;
  switch (taken.type) {
    case 'stray_cleanup':
      return { ...taken, ...(await findStrayBuild.one(database, { jobId })) };
    case 'rehearsal':
      return { ...taken, ...(await findRehearsedBuild.one(database, { jobId })) };
    case 'workspace_build':
    case 'template_version_import':
      return taken;
  }
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
