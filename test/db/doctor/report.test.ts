// What `standby doctor` finds beside the checks of the stored rows: about the schema, the settings and
// the clocks.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { examineInstallation, type DoctorReport } from '../../../src/main/doctor/report.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore();
});
afterEach(() => store.close());

const look = (aheadMs = 0): Promise<DoctorReport> => {
  const { clock } = store.kit;
  return examineInstallation({ now: () => clock.now() - aheadMs }, store.database);
};
const findingsOf = ({ findings }: DoctorReport): readonly string[] =>
  findings.map(({ id, subjects }) => `${id}: ${subjects.join(', ')}`);

describe('the report of the doctor', () => {
  it('is healthy on a new database', async () => {
    expect(await look()).toMatchObject({ healthy: true, findings: [], unfinished: [] });
  });

  it('says which migrations are missing, and checks nothing before they are there', async () => {
    const [last] = await store.sql<{ name: string }>(
      `delete from schema_migrations
       where name = (select max(name) from schema_migrations) returning name`,
    );
    const report = await look();
    expect(findingsOf(report)).toEqual([`schema.behind: ${last!.name}`]);
    expect(report.healthy).toBe(false);
    expect(report.unfinished).toContain('system.user');
  });

  it('says that the schema is of a newer version', async () => {
    await store.sql(
      `insert into schema_migrations (name, checksum) values ('9999_later.sql', 'x')`,
    );
    const report = await look();
    expect(findingsOf(report)).toEqual([expect.stringMatching(/^schema\.newer: .*9999_later/)]);
    expect(report).toMatchObject({ healthy: false, facts: {} });
  });

  it('says that a migration is not the one that was applied', async () => {
    const [changed] = await store.sql<{ name: string }>(
      `update schema_migrations set checksum = 'another'
       where name = (select min(name) from schema_migrations) returning name`,
    );
    const report = await look();
    expect(findingsOf(report)).toEqual([
      expect.stringMatching(new RegExp(`^schema\\.changed: .*${changed!.name}`)),
    ]);
    expect(report.findings[0]!.remedy).toMatch(/\S/);
  });

  it.each(['[]', '{"reconciliation_paused": "no"}'])(
    'says that the settings cannot be read (%s)',
    async (value) => {
      await store.sql(`insert into settings values ('prebuilds', $1)`, [value]);
      const report = await look();
      expect(findingsOf(report)).toEqual([expect.stringMatching(/^settings\.unreadable: \S/)]);
      expect(report).toMatchObject({ healthy: false, unfinished: [] });
    },
  );

  it.each([
    [60_000, 'ahead of'],
    [-60_000, 'behind'],
  ])('says by how much the clocks are apart (%i ms)', async (aheadMs, way) => {
    const [finding] = findingsOf(await look(aheadMs));
    expect(finding).toMatch(new RegExp(`^clock\\.apart: the database is (59|60)\\.\\d s ${way} `));
    expect(findingsOf(await look(4_000))).toEqual([]);
  });
});
