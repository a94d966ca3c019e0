// Keys of provisioner daemons. Only hashes are stored.
import type { OrganizationId, ProvisionerKeyId } from '../base/id.ts';
import { json, nullable, uuid, type RowOf } from './column.ts';
import { statement, takes, type Executor } from './statement.ts';

const columns = {
  keyId: uuid<ProvisionerKeyId>(),
  organizationId: nullable(uuid<OrganizationId>()),
  tags: json<Readonly<Record<string, string>>>(),
};

export type ProvisionerKey = RowOf<typeof columns>;

const holder = statement({
  name: 'provisioner_key.find_holder',
  takes: takes<{ readonly hash: Buffer }>(),
  gives: columns,
  sql: `
    select id as key_id, organization_id, tags
    from provisioner_keys
    where hash = $hash
      and revoked_at is null`,
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

/** What the live key of this hash opens: an organization (null: every one), and the tags it brings. */
export function findProvisionerKey(
  on: Executor,
  hash: Buffer,
): Promise<ProvisionerKey | undefined> {
  return holder.maybe(on, { hash });
}

/** Stores a key for every organization; one that is stored already stays as it is. */
export async function insertSiteWideKey(
  on: Executor,
  key: { readonly id: ProvisionerKeyId; readonly name: string; readonly hash: Buffer },
): Promise<void> {
  await insertSiteWide.run(on, key);
}
