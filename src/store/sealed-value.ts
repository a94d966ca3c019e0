// The places where sealed values stand, for sealing them anew. Each is found by a retired key, and
// written only where it still is what was read.
import type { DataKeyId } from '../base/id.ts';
import { bytes, text, uuid } from './column.ts';
import { statement, takes } from './statement.ts';

const columns = { keyId: uuid<DataKeyId>(), sealed: bytes, place: text, row: text };

interface Limit {
  readonly limit: number;
}

interface Resealed {
  readonly row: string;
  readonly oldKeyId: DataKeyId;
  readonly keyId: DataKeyId;
  readonly sealed: Buffer;
}

/** Where a state's seal says that it belongs; SQL and TypeScript have to say it alike. */
export function statePlace(workspaceId: string, lock: number): string {
  return `state ${workspaceId} ${lock}`;
}

/** As statePlace, for the secret outputs of the build that a job made. */
export function secretOutputsPlace(jobId: string): string {
  return `outputs ${jobId}`;
}

/** As statePlace, for a row of secret parameters. */
export function secretParametersPlace(id: string): string {
  return `parameters ${id}`;
}

const ofRetiredKey = (column: string): string =>
  `${column} in (select id from data_keys where retired_at is not null)`;

const states = {
  find: statement({
    name: 'workspace_state.find_retired',
    takes: takes<Limit>(),
    gives: columns,
    sql: `
      select key_id, sealed, 'state ' || workspace_id || ' ' || lock_number as place,
        workspace_id || '/' || number as row
      from workspace_states
      where ${ofRetiredKey('key_id')}
      limit $limit::integer`,
  }),
  write: statement({
    name: 'workspace_state.reseal',
    takes: takes<Resealed>(),
    gives: {},
    sql: `
      update workspace_states
      set key_id = $keyId,
        sealed = $sealed
      where workspace_id = split_part($row::text, '/', 1)::uuid
        and number = split_part($row::text, '/', 2)::integer
        and key_id = $oldKeyId`,
  }),
};

const strays = {
  find: statement({
    name: 'stray_state.find_retired',
    takes: takes<Limit>(),
    gives: columns,
    sql: `
      select key_id, sealed, 'state ' || workspace_id || ' ' || lock_number as place,
        id::text as row
      from stray_states
      where ${ofRetiredKey('key_id')}
      limit $limit::integer`,
  }),
  write: statement({
    name: 'stray_state.reseal',
    takes: takes<Resealed>(),
    gives: {},
    sql: `
      update stray_states
      set key_id = $keyId,
        sealed = $sealed
      where id = $row::text::uuid
        and key_id = $oldKeyId`,
  }),
};

const outputs = {
  find: statement({
    name: 'build.find_retired_outputs',
    takes: takes<Limit>(),
    gives: columns,
    sql: `
      select secret_outputs_key_id as key_id, secret_outputs as sealed,
        'outputs ' || job_id as place, id::text as row
      from builds
      where ${ofRetiredKey('secret_outputs_key_id')}
      limit $limit::integer`,
  }),
  write: statement({
    name: 'build.reseal_outputs',
    takes: takes<Resealed>(),
    gives: {},
    sql: `
      update builds
      set secret_outputs_key_id = $keyId,
        secret_outputs = $sealed
      where id = $row::text::uuid
        and secret_outputs_key_id = $oldKeyId`,
  }),
};

const parameters = {
  find: statement({
    name: 'secret_parameters.find_retired',
    takes: takes<Limit>(),
    gives: columns,
    sql: `
      select key_id, sealed, 'parameters ' || id as place, id::text as row
      from secret_parameters
      where ${ofRetiredKey('key_id')}
      limit $limit::integer`,
  }),
  write: statement({
    name: 'secret_parameters.reseal',
    takes: takes<Resealed>(),
    gives: {},
    sql: `
      update secret_parameters
      set key_id = $keyId,
        sealed = $sealed
      where id = $row::text::uuid
        and key_id = $oldKeyId`,
  }),
};

export const SEALED_VALUES = [states, strays, outputs, parameters];
