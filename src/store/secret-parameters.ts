// Values of sensitive parameters: one sealed row for all that a request gave, which the workspace's
// builds refer to.
import type { DataKeyId, SecretParametersId, WorkspaceId } from '../base/id.ts';
import { AWAITED_DAYS, HAS_OPEN_STRAY, STRAY_MAY_COME } from './awaited-stray.ts';
import { bytes, uuid } from './column.ts';
import { latestEffectiveBuild } from './effective-build.ts';
import { statement, takes, type Executor } from './statement.ts';

export interface NewSecretParameters {
  readonly id: SecretParametersId;
  readonly workspaceId: WorkspaceId;
  readonly names: readonly string[];
  readonly keyId: DataKeyId;
  readonly sealed: Buffer;
}

export const insertSecretParameters = statement({
  name: 'secret_parameters.insert',
  takes: takes<NewSecretParameters>(),
  gives: {},
  sql: `
    insert into secret_parameters (id, workspace_id, names, key_id, sealed, created_at)
    values ($id, $workspaceId, $names::text[], $keyId, $sealed, standby_now())`,
});

export const findSecretParameters = statement({
  name: 'secret_parameters.find',
  takes: takes<{ readonly id: SecretParametersId }>(),
  gives: { keyId: uuid<DataKeyId>(), sealed: bytes },
  sql: `
    select key_id, sealed
    from secret_parameters
    where id = $id`,
});

/**
 * Of a workspace that lives, on `secret_parameters p`: no build is under way, and neither the latest, which a start
 * goes on from, nor the one that a stop or a delete goes on from has these values; and no attempt that had them may
 * still turn up with what it has made.
 */
const IS_SUPERSEDED = `(
        exists (
          select
          from (
            -- No more than this is read of those that are kept, which are nearly all.
            select b.secret_parameters_id, b.job_id
            from builds b
            where b.workspace_id = p.workspace_id
            order by b.number desc
            limit 1
          ) as latest
          join jobs j on j.id = latest.job_id
          where latest.secret_parameters_id is distinct from p.id
            and j.completed_at is not null)
        and not exists (
          select
          from builds effective
          where effective.id = ${latestEffectiveBuild('p.workspace_id')}
            and effective.secret_parameters_id = p.id)
        and not exists (
          select
          from builds b
          join jobs j on j.id = b.job_id
          join state_locks l on l.job_id = j.id
          where b.workspace_id = p.workspace_id
            and b.secret_parameters_id = p.id
            and (l.attempt <> j.attempt or j.status <> 'succeeded')
            and j.completed_at >= (select standby_now()) - interval '${AWAITED_DAYS} days'
          offset 0))`;

/** A job that destroys what an attempt has made needs the values. */
export const removeUnneeded = statement({
  name: 'secret_parameters.remove_unneeded',
  takes: takes<{ readonly limit: number }>(),
  gives: {},
  sql: `
    with unneeded as materialized (
      select p.id, p.workspace_id
      from secret_parameters p
      join workspaces w on w.id = p.workspace_id
      where case when w.deleted_at is null then ${IS_SUPERSEDED} else not ${STRAY_MAY_COME} end
        and not ${HAS_OPEN_STRAY}
      order by p.id
      limit $limit::integer
      for update of p skip locked
    ), forgotten as (
      update builds b
      set secret_parameters_id = null
      from unneeded
      where b.workspace_id = unneeded.workspace_id
        and b.secret_parameters_id = unneeded.id
    )
    delete from secret_parameters p
    using unneeded
    where p.id = unneeded.id`,
});

/** Takes away values that no build will ask for any more; what one look leaves, the next takes. Gives how many. */
export async function removeUnneededSecrets(on: Executor): Promise<number> {
  return removeUnneeded.run(on, { limit: 200 });
}
