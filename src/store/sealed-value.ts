// The places where sealed values stand, for sealing them anew. Each is found by a retired key, and
// written only where it still is what was read.
import type { DataKeyId, JobId, SecretParametersId, WaiterId, WorkspaceId } from '../base/id.ts';
import { bytes, int, text, uuid, type Columns, type RowOf } from './column.ts';
import { statement, takes, type Executor, type Statement } from './statement.ts';

const columns = { keyId: uuid<DataKeyId>(), sealed: bytes, row: text };

type Found = RowOf<typeof columns>;

interface Page {
  /** The `row` of the one before it, or FIRST. */
  readonly after: string;
  readonly limit: number;
}

/** What comes before every row: a pass goes by the key, and so round what it cannot open. */
export const FIRST = '00000000-0000-0000-0000-000000000000/0';

interface Resealed {
  readonly row: string;
  readonly oldKeyId: DataKeyId;
  readonly keyId: DataKeyId;
  readonly sealed: Buffer;
}

/** What of a row is looked at to seal its value anew. */
export interface RetiredValue extends Found {
  readonly place: string;
}

/** One of the places. */
export interface SealedValues {
  readonly find: (on: Executor, page: Page) => Promise<readonly RetiredValue[]>;
  readonly write: Statement<Resealed, Columns>;
}

/** Where a state's seal says that it belongs. */
export function statePlace(workspaceId: WorkspaceId, lock: number): string {
  return `state ${workspaceId} ${lock}`;
}

/** As statePlace, for the secret outputs of the build that a job made. */
export function secretOutputsPlace(jobId: JobId): string {
  return `outputs ${jobId}`;
}

/** As statePlace, for a row of secret parameters: with its workspace, so that it opens for no other. */
export function secretParametersPlace(workspaceId: WorkspaceId, id: SecretParametersId): string {
  return `parameters ${workspaceId} ${id}`;
}

/** As statePlace, for what a waiter gave to sensitive parameters. */
export function waiterPlace(id: WaiterId): string {
  return `waiter ${id}`;
}

/** As statePlace, for what a new owner gave. */
export function ownerValuesPlace(owned: {
  readonly workspaceId: WorkspaceId;
  readonly epoch: number;
}): string {
  return `owner values ${owned.workspaceId} ${owned.epoch}`;
}

function sealedValues<Row extends Found>(
  found: { all(on: Executor, page: Page): Promise<readonly Row[]> },
  placeOf: (row: Row) => string,
  write: SealedValues['write'],
): SealedValues {
  return {
    find: async (on, page) =>
      (await found.all(on, page)).map((row) => ({ ...row, place: placeOf(row) })),
    write,
  };
}

interface SealedColumn {
  readonly table: string;
  readonly keyColumn: string;
  readonly sealedColumn: string;
}

function writeById(
  name: string,
  { table, keyColumn, sealedColumn }: SealedColumn,
): SealedValues['write'] {
  return statement({
    name,
    takes: takes<Resealed>(),
    gives: {},
    sql: `
      update ${table}
      set ${keyColumn} = $keyId,
        ${sealedColumn} = $sealed
      where id = $row::text::uuid
        and ${keyColumn} = $oldKeyId`,
  });
}

/** Of a table whose rows are numbered within their workspace. */
function writeByNumber(
  name: string,
  { table, numberColumn }: { readonly table: string; readonly numberColumn: string },
): SealedValues['write'] {
  return statement({
    name,
    takes: takes<Resealed>(),
    gives: {},
    sql: `
      update ${table}
      set key_id = $keyId,
        sealed = $sealed
      where workspace_id = split_part($row::text, '/', 1)::uuid
        and ${numberColumn} = split_part($row::text, '/', 2)::integer
        and key_id = $oldKeyId`,
  });
}

const ofRetiredKey = (column: string): string =>
  `${column} in (select id from data_keys where retired_at is not null)`;

const AFTER_ID = `split_part($after::text, '/', 1)::uuid`;

const states = sealedValues(
  statement({
    name: 'workspace_state.find_retired',
    takes: takes<Page>(),
    gives: { ...columns, workspaceId: uuid<WorkspaceId>(), lockNumber: int },
    sql: `
      select key_id, sealed, workspace_id || '/' || number as row, workspace_id, lock_number
      from workspace_states
      where ${ofRetiredKey('key_id')}
        and (workspace_id, number) > (${AFTER_ID}, split_part($after::text, '/', 2)::integer)
      order by workspace_id, number
      limit $limit::integer`,
  }),
  ({ workspaceId, lockNumber }) => statePlace(workspaceId, lockNumber),
  writeByNumber('workspace_state.reseal', { table: 'workspace_states', numberColumn: 'number' }),
);

const strays = sealedValues(
  statement({
    name: 'stray_state.find_retired',
    takes: takes<Page>(),
    gives: { ...columns, workspaceId: uuid<WorkspaceId>(), lockNumber: int },
    sql: `
      select key_id, sealed, id::text as row, workspace_id, lock_number
      from stray_states
      where ${ofRetiredKey('key_id')}
        and id > ${AFTER_ID}
      order by id
      limit $limit::integer`,
  }),
  ({ workspaceId, lockNumber }) => statePlace(workspaceId, lockNumber),
  writeById('stray_state.reseal', {
    table: 'stray_states',
    keyColumn: 'key_id',
    sealedColumn: 'sealed',
  }),
);

const outputs = sealedValues(
  statement({
    name: 'build.find_retired_outputs',
    takes: takes<Page>(),
    gives: { ...columns, jobId: uuid<JobId>() },
    sql: `
      select secret_outputs_key_id as key_id, secret_outputs as sealed, id::text as row, job_id
      from builds
      where ${ofRetiredKey('secret_outputs_key_id')}
        and id > ${AFTER_ID}
      order by id
      limit $limit::integer`,
  }),
  ({ jobId }) => secretOutputsPlace(jobId),
  writeById('build.reseal_outputs', {
    table: 'builds',
    keyColumn: 'secret_outputs_key_id',
    sealedColumn: 'secret_outputs',
  }),
);

const parameters = sealedValues(
  statement({
    name: 'secret_parameters.find_retired',
    takes: takes<Page>(),
    gives: { ...columns, workspaceId: uuid<WorkspaceId>(), id: uuid<SecretParametersId>() },
    sql: `
      select key_id, sealed, id::text as row, workspace_id, id
      from secret_parameters
      where ${ofRetiredKey('key_id')}
        and id > ${AFTER_ID}
      order by id
      limit $limit::integer`,
  }),
  ({ workspaceId, id }) => secretParametersPlace(workspaceId, id),
  writeById('secret_parameters.reseal', {
    table: 'secret_parameters',
    keyColumn: 'key_id',
    sealedColumn: 'sealed',
  }),
);

const waiters = sealedValues(
  statement({
    name: 'waiter.find_retired',
    takes: takes<Page>(),
    gives: { ...columns, id: uuid<WaiterId>() },
    sql: `
      select key_id, sealed, id::text as row, id
      from waiters
      where ${ofRetiredKey('key_id')}
        and id > ${AFTER_ID}
      order by id
      limit $limit::integer`,
  }),
  ({ id }) => waiterPlace(id),
  writeById('waiter.reseal', { table: 'waiters', keyColumn: 'key_id', sealedColumn: 'sealed' }),
);

const ownerValues = sealedValues(
  statement({
    name: 'owner_values.find_retired',
    takes: takes<Page>(),
    gives: { ...columns, workspaceId: uuid<WorkspaceId>(), epoch: int },
    sql: `
      select key_id, sealed, workspace_id || '/' || epoch as row, workspace_id, epoch
      from owner_values
      where ${ofRetiredKey('key_id')}
        and (workspace_id, epoch) > (${AFTER_ID}, split_part($after::text, '/', 2)::integer)
      order by workspace_id, epoch
      limit $limit::integer`,
  }),
  ownerValuesPlace,
  writeByNumber('owner_values.reseal', { table: 'owner_values', numberColumn: 'epoch' }),
);

export const SEALED_VALUES: readonly SealedValues[] = [
  ...[states, strays, outputs, parameters, waiters, ownerValues],
];
