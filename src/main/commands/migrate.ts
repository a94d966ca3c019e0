// `standby migrate`: brings the database's schema up to this version, without serving.
import type { Kit } from '../../base/kit.ts';
import { defineCommand } from '../../cli/command.ts';
import { answer } from '../../cli/show/answer.ts';
import { dataDir } from '../../config/data-dir.ts';
import type { Database } from '../../store/database.ts';
import { listMissing, migrate } from '../../store/migrate.ts';
import { openDataFolder } from '../installation/data-folder.ts';
import { occupyOrRefuse } from '../installation/instance.ts';
import { createProgramKit } from '../program-kit.ts';
import { createProgress } from '../progress.ts';
import { createReleaseStack } from '../release-stack.ts';
import { readOwnMigrations } from '../server/open-database.ts';
import { openOwnDatabase } from '../server/own-database.ts';
import { configOf, DATABASE_OPTIONS } from './setting-options.ts';

export const command = defineCommand({
  name: 'migrate',
  summary: 'Bring the database up to this version, without serving',
  description:
    'A starting server does this by itself. Each migration is one transaction; any number of ' +
    'programs may do this at once. A control plane that runs in the same data folder has done it.',
  arguments: {},
  options: {
    ...DATABASE_OPTIONS,
    dryRun: { kind: 'flag', summary: 'only say which migrations would be applied' },
  },
  examples: ['standby migrate --database-url postgres://standby@db/standby --dry-run'],
  run: async (context, values) => {
    const { dryRun, ...given } = values;
    const config = configOf(context.environment, given);
    const folder = await openDataFolder(dataDir(context.environment, config.dataDir));
    const kit = createProgramKit(config, folder.logFile);
    const releases = createReleaseStack(kit.log);
    let names: readonly string[] = [];
    try {
      if (config.databaseUrl === undefined) {
        const occupation = await occupyOrRefuse(kit, folder);
        releases.add(() => occupation.release());
      }
      await openOwnDatabase(kit, {
        config,
        folder,
        applicationName: 'standby migrate',
        progress: createProgress(context),
        signal: context.interrupt(),
        releases,
        prepare: async (_kit: Kit, database: Database) => {
          const migrations = await readOwnMigrations();
          names = dryRun
            ? await listMissing(database, migrations)
            : (await migrate(database, migrations)).applied;
        },
      });
    } finally {
      await releases.releaseAll();
    }
    answer(context, { dry_run: dryRun, migrations: names }, () => describe(names, dryRun));
    return 0;
  },
});

function describe(names: readonly string[], dryRun: boolean): string {
  if (names.length === 0) return 'The database is up to date.\n';
  const verb = dryRun ? 'Would apply' : 'Applied';
  return `${verb}:\n${names.map((name) => `  ${name}\n`).join('')}`;
}
