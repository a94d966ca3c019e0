// Another version of a pool's template, and its promotion.
import type { Manifest } from '../../src/contract/manifest/schema.ts';
import { findTemplate } from '../../src/store/template.ts';
import { promoteVersion } from '../../src/templates/promote-version.ts';
import type { Factory, TestPool } from './factory.ts';
import { OPERATOR } from './plays.ts';
import type { TestStore } from './store.ts';

interface Next {
  readonly desired?: number;
  /** Null: it has no such preset any more. */
  readonly name?: string | null;
  readonly manifest?: Partial<Manifest>;
}

/** Version `v2`, which is imported and not active yet. Gives the same pool in it. */
export async function makeNextVersion(
  { store, make }: { readonly store: TestStore; readonly make: Factory },
  pool: TestPool,
  { desired, name = pool.presetName, manifest = {} }: Next = {},
): Promise<TestPool> {
  const changed = { ...pool, manifest: { ...pool.manifest, ...manifest } };
  const { versionId, jobId } = await make.version(changed);
  await store.sql('update jobs set completed_at = standby_now(), succeeded = true where id = $1', [
    jobId,
  ]);
  const options = { name: name ?? 'another', ...(desired === undefined ? {} : { desired }) };
  return make.pool({ ...changed, versionId }, options);
}

export async function promote(
  { kit, database }: TestStore,
  { organizationId, name }: TestPool,
  version = 'v2',
): Promise<void> {
  const template = await findTemplate(database, organizationId, name);
  if (template === undefined) throw new Error(`there is no template ${name}`);
  const asked = { template, version, by: OPERATOR, options: { maxInFlight: null } };
  await database.transaction((tx) => promoteVersion(kit, tx, asked));
}
