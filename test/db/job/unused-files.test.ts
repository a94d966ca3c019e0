import { afterAll, beforeAll, expect, it } from 'vitest';
import type { OrganizationId } from '../../../src/base/id.ts';
import { findUnusedFiles } from '../../../src/store/daemon-file.ts';
import { createFactory, type TestTemplate } from '../../support/factory.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;

beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store.close());

it('an archive is unused when no template that is not deleted has a version of it', async () => {
  const make = createFactory(store);
  const [here, elsewhere] = [await make.organization(), await make.organization()];
  const hashOf = async ({ versionId }: Pick<TestTemplate, 'versionId'>): Promise<Buffer> => {
    const found = 'select file_hash from template_versions where id = $1';
    const [row] = await store.sql<{ readonly file_hash: Buffer }>(found, [versionId]);
    if (row === undefined) throw new Error('there is such a version');
    return row.file_hash;
  };
  const live = await make.template({ organizationId: here });
  const deleted = await make.template({ organizationId: here });
  await store.sql('update templates set deleted_at = standby_now() where id = $1', [
    deleted.templateId,
  ]);
  const foreign = await make.template({ organizationId: elsewhere });
  const hashes = {
    old: await hashOf(live),
    active: await hashOf(await make.version(live, { active: true })),
    deleted: await hashOf(deleted),
    foreign: await hashOf(foreign),
    unknown: Buffer.alloc(32),
  };
  const unusedOf = async (organizationId: OrganizationId | null): Promise<readonly string[]> => {
    const given = { hashes: Object.values(hashes), organizationId };
    const unused = (await findUnusedFiles.all(store.database, given)).map(({ hash }) =>
      hash.toString('hex'),
    );
    return Object.entries(hashes)
      .filter(([, hash]) => unused.includes(hash.toString('hex')))
      .map(([name]) => name);
  };
  expect(await unusedOf(null)).toEqual(['deleted', 'unknown']);
  // A daemon of one organization builds for no other.
  expect(await unusedOf(here)).toEqual(['deleted', 'foreign', 'unknown']);
});
