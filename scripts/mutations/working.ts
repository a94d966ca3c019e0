// Faults in jobs, and in who may still say something about them.
import { by, change, type Mutation } from './mutation.ts';

const IN_EVERY_ORDER = 'test/db/interleaving/';

export const working: readonly Mutation[] = [
  {
    fault: 'a job is handed out without its lock',
    changes: [change('src/store/job-acquire.ts', '      for update of j skip locked\n')],
    noticedBy: by(
      `${IN_EVERY_ORDER}job.test.ts`,
      'and a cancel: the job is canceled, or its daemon is told',
    ),
  },
  {
    fault: 'whoever hands out a job waits for who cancels it',
    changes: [change('src/store/job-acquire.ts', 'for update of j skip locked', 'for update of j')],
    noticedBy: by(
      `${IN_EVERY_ORDER}job.test.ts`,
      'and a cancel: the job is canceled, or its daemon is told',
    ),
  },
  {
    fault: 'the reaper does not look again',
    changes: [
      change(
        'src/jobs/end-each.ts',
        'if (locked === undefined || still === undefined) return false;\n        await end(tx, locked, still);',
        'if (locked === undefined) return false;\n        await end(tx, locked, still as never);',
      ),
    ],
    noticedBy: by(
      `${IN_EVERY_ORDER}job.test.ts`,
      'and the reaper: it counts or is refused, and the job ends once',
    ),
  },
  {
    fault: 'a result counts whatever attempt it is of',
    changes: [change('src/jobs/complete-job.ts', '    checkHolder(attempt, job);\n')],
    noticedBy: by('test/db/job/complete.test.ts', 'is refused when another attempt counts now'),
  },
  {
    fault: 'time in which nobody could hear agents counts against them',
    changes: [
      change(
        'src/domain/pool/health.ts',
        'if (ready || judging.judgedFrom === null) return null;',
        'if (ready) return null;',
      ),
      change(
        'src/domain/pool/health.ts',
        'Math.max(graceEndsAt, judging.judgedFrom + LOST_GRACE_MS)',
        'graceEndsAt',
      ),
    ],
    noticedBy: by(
      'src/domain/pool/health.test.ts',
      'is not judged by the time in which its signs of life could not be stored',
    ),
  },
  {
    fault: 'a registration ends what was taken since, too',
    changes: [
      change(
        'src/jobs/register-daemon.ts',
        '      if ((locked.job.takenByIncarnation ?? 0) >= incarnation) return undefined;\n',
      ),
    ],
    noticedBy: by(
      `${IN_EVERY_ORDER}job.test.ts`,
      'while a former registration is still carried out, keeps what it takes',
    ),
  },
  {
    fault: 'a registration that is said again counts as another process',
    changes: [
      change(
        'src/store/daemon.ts',
        '(daemons.registration_id = excluded.registration_id)',
        'false',
      ),
    ],
    noticedBy: by(
      'test/db/job/lost.test.ts',
      'keeps what it took since, however late its registration is carried out once more',
    ),
  },
];
