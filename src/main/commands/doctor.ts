// `standby doctor`: looks for what is wrong in the database, and says what to do about it.
import { defineCommand } from '../../cli/command.ts';
import { answer } from '../../cli/show/answer.ts';
import { dataDir } from '../../config/data-dir.ts';
import { openExaminedDatabase } from '../doctor/open-database.ts';
import { renderReport } from '../doctor/render-report.ts';
import { examineInstallation, type DoctorReport } from '../doctor/report.ts';
import { createProgress } from '../progress.ts';
import { createReleaseStack } from '../release-stack.ts';
import { configOf, DATABASE_OPTIONS } from './setting-options.ts';

/** As of programs that compare: 0 is nothing, 1 is something, more is trouble. */
const SOMETHING_FOUND = 1;

export const command = defineCommand({
  name: 'doctor',
  summary: 'Look for what is wrong in the database, and say what to do about it',
  description:
    'Compares everything that is stored twice with what it was made from, and every promise with what ' +
    'is there. It reads one snapshot, changes nothing, and needs no control plane: the database is ' +
    'the configured one, or the embedded one of the data folder, whether it runs or not. The exit ' +
    'status is 1 when something was found. docs/doctor.md lists what is looked for.',
  arguments: {},
  options: DATABASE_OPTIONS,
  examples: [
    'standby doctor',
    'standby doctor --database-url postgres://standby@db/standby --json',
  ],
  run: async (context, values) => {
    const config = configOf(context.environment, values);
    const releases = createReleaseStack(context.kit.log);
    let report: DoctorReport;
    try {
      const database = await openExaminedDatabase(context.kit, {
        config,
        dataDir: dataDir(context.environment, config.dataDir),
        progress: createProgress(context),
        signal: context.interrupt(),
        releases,
      });
      report = await examineInstallation(context.kit.clock, database);
    } finally {
      await releases.releaseAll();
    }
    answer(context, report, renderReport);
    return report.healthy ? 0 : SOMETHING_FOUND;
  },
});
