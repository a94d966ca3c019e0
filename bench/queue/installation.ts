// An organization whose jobs are imports of a template without content: the cheapest there are, for
// which a daemon has nothing to do.
import type pg from 'pg';
import { createId, type OrganizationId, type ProvisionerKeyId } from '../../src/base/id.ts';
import { createToken } from '../../src/base/token.ts';
import { migrateSchema } from '../../src/main/server/open-database.ts';
import { openKeyring, type Keyring } from '../../src/keys/keyring.ts';
import { createDatabase, type ConnectionParts, type Database } from '../../src/store/database.ts';
import { PREBUILDS_USER_ID } from '../../src/store/system-user.ts';
import { sampleManifest } from '../../test/support/manifest.ts';
import type { Stage } from '../support/bench.ts';
import { connect } from '../support/postgres.ts';

export interface Installation {
  readonly connection: ConnectionParts;
  readonly database: Database;
  readonly keyring: Keyring;
  /** For whatever the product has no statement for. */
  readonly client: pg.Client;
  readonly organizationId: OrganizationId;
  readonly key: { readonly keyId: ProvisionerKeyId; readonly secret: string };
  /** Queues so many imports, and tells nobody. */
  queueJobs(count: number): Promise<void>;
}

/** Ends with the stage. */
export async function install(stage: Stage, connection: ConnectionParts): Promise<Installation> {
  const { kit } = stage;
  const database = openDatabase(stage, connection);
  await migrateSchema(kit, database);
  const keyring = await openKeyring({ ...kit, database, secretKey: kit.rng.bytes(32) });
  const client = await connect(connection);
  stage.onEnd(() => client.end());
  const organizationId = createId<OrganizationId>(kit);
  const keyId = createId<ProvisionerKeyId>(kit);
  const templateId = createId(kit);
  const { secret, hash } = createToken(kit.rng, 'sbp');
  await client.query(
    `insert into organizations (id, name, display_name, created_at)
     values ($1, 'bench', 'Bench', standby_now())`,
    [organizationId],
  );
  await client.query(
    `insert into provisioner_keys (id, organization_id, name, hash, created_at)
     values ($1, $2, 'bench', $3, standby_now())`,
    [keyId, organizationId, hash],
  );
  await client.query(
    `insert into files (hash, bytes, created_by, created_at)
     values (sha256('x'), 'x', $1, standby_now())`,
    [PREBUILDS_USER_ID],
  );
  await client.query(
    `insert into templates (id, organization_id, name, created_at, updated_at)
     values ($1, $2, 'empty', standby_now(), standby_now())`,
    [templateId, organizationId],
  );
  return {
    connection,
    database,
    keyring,
    client,
    organizationId,
    key: { keyId, secret },
    queueJobs: async (count) => {
      await client.query(
        `with queued as (
           insert into jobs (id, type, organization_id, driver, initiator_id, class, created_at)
           select gen_random_uuid(), 'template_version_import', $1, 'null', $2, 2, standby_now()
           from generate_series(1, $3::integer)
           returning id
         )
         insert into template_versions
           (id, template_id, number, name, message, file_hash, manifest, import_job_id, created_by,
            created_at)
         select gen_random_uuid(), $4, former.number + row_number() over (),
           'v' || former.number + row_number() over (), '', sha256('x'),
           $5, queued.id, $2, standby_now()
         from queued
         cross join (
           select coalesce(max(number), 0) as number from template_versions) as former`,
        [organizationId, PREBUILDS_USER_ID, count, templateId, sampleManifest({ name: 'empty' })],
      );
      // As autovacuum would before long; a burst from nothing is not what is measured.
      if (count > 1) await client.query('analyze');
    },
  };
}

export function openDatabase(stage: Stage, connection: ConnectionParts): Database {
  const database = createDatabase(stage.kit, {
    connection,
    maxConnections: 10,
    applicationName: 'bench',
  });
  stage.onEnd(() => database.close());
  return database;
}
