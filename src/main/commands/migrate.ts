// `standby migrate`: brings the database's schema up to this version, without serving.
import { AppError } from '../../base/app-error.ts';
import type { Kit } from '../../base/kit.ts';
import { defineCommand } from '../../cli/command.ts';
import { answer } from '../../cli/show/answer.ts';
import { dataDir } from '../../config/data-dir.ts';
import type { Database } from '../../store/database.ts';
import { listMissing, migrate } from '../../store/migrate.ts';
import { distrustPrebuilds, type Distrusted } from '../../store/restored.ts';
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
    restored: {
      kind: 'flag',
      summary:
        'the database was put back from a backup: prebuilds have to prove that nobody was given them since',
    },
    dryRun: { kind: 'flag', summary: 'only say which migrations would be applied' },
  },
  examples: ['standby migrate --database-url postgres://standby@db/standby --dry-run'],
  run: async (context, values) => {
    const { dryRun, restored, ...given } = values;
    if (dryRun && restored) {
      throw new AppError('USAGE', '--restored cannot be tried with --dry-run');
    }
    const config = configOf(context.environment, given);
    const folder = await openDataFolder(dataDir(context.environment, config.dataDir));
    const kit = createProgramKit(config, folder.logFile);
    const releases = createReleaseStack(kit.log);
    let names: readonly string[] = [];
    let distrusted: Distrusted | undefined;
    try {
      if (config.databaseUrl === undefined) {
        const occupation = await occupyOrRefuse(kit, folder);
        releases.add(() => occupation.release());
      }
      await openOwnDatabase(kit, {
        config,
        folder,
        applicationName: 'standby migrate',
        maxConnections: config.databaseMaxConnections,
        progress: createProgress(context),
        signal: context.interrupt(),
        releases,
        prepare: async (_kit: Kit, database: Database) => {
          const migrations = await readOwnMigrations();
          names = dryRun
            ? await listMissing(database, migrations)
            : (await migrate(database, migrations)).applied;
          if (restored) distrusted = await distrustPrebuilds(database);
        },
      });
    } finally {
      await releases.releaseAll();
    }
    const result = {
      dry_run: dryRun,
      migrations: names,
      ...(distrusted === undefined ? {} : { prebuilds: distrusted }),
    };
    answer(context, result, () => describe(names, dryRun) + describePrebuilds(distrusted));
    return 0;
  },
});

function describe(names: readonly string[], dryRun: boolean): string {
  if (names.length === 0) return 'The database is up to date.\n';
  const verb = dryRun ? 'Would apply' : 'Applied';
  return `${verb}:\n${names.map((name) => `  ${name}\n`).join('')}`;
}

function describePrebuilds(distrusted: Distrusted | undefined): string {
  if (distrusted === undefined) return '';
  const { asked, replaced } = distrusted;
  return `Of the prebuilds, ${asked} are handed out once their agents are heard, and ${replaced} are replaced.\n`;
}
