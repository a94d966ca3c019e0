// Values of sensitive parameters: one sealed row for all that a request gave, which the workspace's
// builds refer to.
import type { DataKeyId, SecretParametersId, WorkspaceId } from '../base/id.ts';
import { HAS_OPEN_STRAY, STRAY_MAY_COME } from './awaited-stray.ts';
import { bytes, uuid } from './column.ts';
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

/** A job that destroys what an attempt has made needs the values. */
const removeUnneeded = statement({
  name: 'secret_parameters.remove_unneeded',
  takes: takes<{ readonly limit: number }>(),
  gives: {},
  sql: `
    with unneeded as materialized (
      select p.id, p.workspace_id
      from secret_parameters p
      join workspaces w on w.id = p.workspace_id
      where w.deleted_at is not null
        and not ${HAS_OPEN_STRAY}
        and not ${STRAY_MAY_COME}
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

/** Takes away values of workspaces that are gone; what one look leaves, the next takes. Gives how many. */
export async function removeUnneededSecrets(on: Executor): Promise<number> {
  return removeUnneeded.run(on, { limit: 200 });
}
