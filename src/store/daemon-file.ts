// Archives of template versions, for the daemons that work with them.
import type { OrganizationId } from '../base/id.ts';
import { bytes } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { statement, takes } from './statement.ts';

/** Gives no row unless a version of the organization (null: of any) is made of this file. */
export const findFileForDaemon = statement({
  name: 'file.find_for_daemon',
  takes: takes<{ readonly hash: Buffer; readonly organizationId: OrganizationId | null }>(),
  gives: { bytes },
  sql: `
    select f.bytes
    from files f
    where f.hash = $hash
      and exists (
        select
        from template_versions v
        join templates t on t.id = v.template_id
        where v.file_hash = f.hash
          ${ifGiven('and t.organization_id = $organizationId::uuid')})`,
});

/** Those that a daemon made something of which is good for nothing more: a template that is deleted starts nothing new. */
export const findUnusedFiles = statement({
  name: 'file.find_unused',
  takes: takes<{
    readonly hashes: readonly Buffer[];
    readonly organizationId: OrganizationId | null;
  }>(),
  gives: { hash: bytes },
  sql: `
    select given.hash
    from unnest($hashes::bytea[]) as given (hash)
    where not exists (
      select
      from template_versions v
      join templates t on t.id = v.template_id
      where v.file_hash = given.hash
        and t.deleted_at is null
        ${ifGiven('and t.organization_id = $organizationId::uuid')})`,
});
