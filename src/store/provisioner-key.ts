// Keys of provisioner daemons. Only hashes are stored; a revoked one opens nothing.
import type { OrganizationId, ProvisionerKeyId } from '../base/id.ts';
import { instant, int, json, nullable, text, uuid, type RowOf } from './column.ts';
import { ifGiven } from './compile-sql.ts';
import { DAEMON_IS_SEEN } from './daemon-seen.ts';
import { asJson, statement, takes, type Executor } from './statement.ts';

const holderColumns = {
  keyId: uuid<ProvisionerKeyId>(),
  organizationId: nullable(uuid<OrganizationId>()),
  tags: json<Readonly<Record<string, string>>>(),
};

export type ProvisionerKey = RowOf<typeof holderColumns>;

const holder = statement({
  name: 'provisioner_key.find_holder',
  takes: takes<{ readonly hash: Buffer }>(),
  gives: holderColumns,
  sql: `
    select id as key_id, organization_id, tags
    from provisioner_keys
    where hash = $hash
      and revoked_at is null`,
});

const columns = {
  id: uuid<ProvisionerKeyId>(),
  name: text,
  /** Null: it serves every organization. */
  organization: nullable(text),
  tags: json<Readonly<Record<string, string>>>(),
  createdAt: instant,
  daemonsOnline: int,
};

export type ProvisionerKeyRow = RowOf<typeof columns>;

export interface NewProvisionerKey {
  readonly id: ProvisionerKeyId;
  /** Null: it serves every organization. */
  readonly organizationId: OrganizationId | null;
  readonly name: string;
  readonly hash: Buffer;
  readonly tags: Readonly<Record<string, string>>;
}

const insert = statement({
  name: 'provisioner_key.insert',
  takes: takes<Omit<NewProvisionerKey, 'tags'> & { readonly tags: string }>(),
  gives: columns,
  sql: `
    with made as (
      insert into provisioner_keys (id, organization_id, name, hash, tags, created_at)
      values ($id, $organizationId::uuid, $name, $hash, $tags::jsonb, standby_now())
      returning id, organization_id, name, tags, created_at
    )
    select made.id, made.name, o.name as organization, made.tags, made.created_at,
      0 as daemons_online
    from made
    left join organizations o on o.id = made.organization_id`,
});

const insertSiteWide = statement({
  name: 'provisioner_key.insert_site_wide',
  takes: takes<{ readonly id: ProvisionerKeyId; readonly name: string; readonly hash: Buffer }>(),
  gives: {},
  sql: `
    insert into provisioner_keys (id, organization_id, name, hash, created_at)
    values ($id, null, $name, $hash, standby_now())
    on conflict on constraint provisioner_keys_hash_key do nothing`,
});

/** Keys that open something, newest first; those for every organization serve each. */
export const listProvisionerKeys = statement({
  name: 'provisioner_key.list',
  takes: takes<{
    /** Null: all. */
    readonly organizationId: OrganizationId | null;
    /** The id to go on behind; null at the start. */
    readonly before: ProvisionerKeyId | null;
    readonly limit: number;
  }>(),
  gives: columns,
  sql: `
    select k.id, k.name, o.name as organization, k.tags, k.created_at,
      (
        select count(*)::integer
        from daemons d
        where d.key_id = k.id
          and ${DAEMON_IS_SEEN}) as daemons_online
    from provisioner_keys k
    left join organizations o on o.id = k.organization_id
    where k.revoked_at is null
      ${ifGiven('and (k.organization_id is null or k.organization_id = $organizationId::uuid)')}
      ${ifGiven('and k.id < $before::uuid')}
    order by k.id desc
    limit $limit::integer`,
});

const revoke = statement({
  name: 'provisioner_key.revoke',
  takes: takes<{ readonly id: ProvisionerKeyId }>(),
  gives: {},
  sql: `
    update provisioner_keys
    set revoked_at = standby_now()
    where id = $id
      and revoked_at is null`,
});

/** What the live key of this hash opens: an organization (null: every one), and the tags it brings. */
export function findProvisionerKey(
  on: Executor,
  hash: Buffer,
): Promise<ProvisionerKey | undefined> {
  return holder.maybe(on, { hash });
}

export function insertProvisionerKey(
  on: Executor,
  { tags, ...key }: NewProvisionerKey,
): Promise<ProvisionerKeyRow> {
  return insert.one(on, { ...key, tags: asJson(tags) });
}

/** Stores a key for every organization; one that is stored already stays as it is. */
export async function insertSiteWideKey(
  on: Executor,
  key: { readonly id: ProvisionerKeyId; readonly name: string; readonly hash: Buffer },
): Promise<void> {
  await insertSiteWide.run(on, key);
}

/** True when there was such a key that opened something. */
export async function revokeProvisionerKey(on: Executor, id: ProvisionerKeyId): Promise<boolean> {
  return (await revoke.run(on, { id })) > 0;
}
