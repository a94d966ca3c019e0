// Values of sensitive parameters: one sealed row for all that a request gave, which the workspace's
// builds refer to.
import type { DataKeyId, SecretParametersId, WorkspaceId } from '../base/id.ts';
import { bytes, uuid } from './column.ts';
import { statement, takes } from './statement.ts';

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
