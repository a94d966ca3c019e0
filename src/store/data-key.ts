// Keys that seal what is stored. Each is itself sealed; what opens it is not in the database.
import type { DataKeyId } from '../base/id.ts';
import { bytes, count, instant, nullable, uuid } from './column.ts';
import { statement, takes, type NoArgs } from './statement.ts';

const columns = {
  id: uuid<DataKeyId>(),
  sealed: bytes,
  createdAt: instant,
  retiredAt: nullable(instant),
};

/** The newest first; the first is the current one. */
export const listDataKeys = statement({
  name: 'data_key.list',
  takes: takes<NoArgs>(),
  gives: columns,
  sql: `
    select id, sealed, created_at, retired_at
    from data_keys
    order by retired_at desc nulls first, created_at desc`,
});

/** Stores the current key; does nothing when there is one already. */
export const insertCurrentDataKey = statement({
  name: 'data_key.insert_current',
  takes: takes<{ readonly id: DataKeyId; readonly sealed: Buffer }>(),
  gives: {},
  sql: `
    insert into data_keys (id, sealed, created_at)
    values ($id, $sealed, standby_now())
    on conflict ((true)) where retired_at is null do nothing`,
});

export const getCurrentDataKey = statement({
  name: 'data_key.get_current',
  takes: takes<NoArgs>(),
  gives: { id: uuid<DataKeyId>() },
  sql: `
    select id
    from data_keys
    where retired_at is null`,
});

/** Retires the current key; a new one has to be inserted in the same transaction. */
export const retireDataKey = statement({
  name: 'data_key.retire',
  takes: takes<NoArgs>(),
  gives: {},
  sql: `
    update data_keys
    set retired_at = (select standby_now())
    where retired_at is null`,
});

/** Where values stand, with the column of their key; sealed-value.ts seals those of each anew. */
const SEALED = [
  { table: 'workspace_states', keyColumn: 'key_id' },
  { table: 'stray_states', keyColumn: 'key_id' },
  { table: 'builds', keyColumn: 'secret_outputs_key_id' },
  { table: 'secret_parameters', keyColumn: 'key_id' },
  { table: 'waiters', keyColumn: 'key_id' },
  { table: 'owner_values', keyColumn: 'key_id' },
] as const;

/**
 * Removes keys that nothing is sealed with. Not those that were retired within the hour: another
 * replica may not have heard of it and still seal with one.
 */
export const removeUnusedDataKeys = statement({
  name: 'data_key.remove_unused',
  takes: takes<NoArgs>(),
  gives: { id: uuid<DataKeyId>() },
  sql: `
    delete from data_keys k
    where k.retired_at < (select standby_now()) - interval '1 hour'
      ${SEALED.map(
        ({ table, keyColumn }) =>
          `and not exists (select from ${table} s where s.${keyColumn} = k.id)`,
      ).join('\n      ')}
    returning k.id`,
});

/** What is sealed with each key. */
export const countSealed = statement({
  name: 'data_key.count_sealed',
  takes: takes<NoArgs>(),
  gives: { id: uuid<DataKeyId>(), sealed: count },
  sql: `
    select k.id, ${SEALED.map(
      ({ table, keyColumn }) => `(select count(*) from ${table} s where s.${keyColumn} = k.id)`,
    ).join(' + ')} as sealed
    from data_keys k`,
});
