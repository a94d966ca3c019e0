// Faults in jobs, and in who may still say something about them.
import { by, change, type Mutation } from './mutation.ts';

const IN_EVERY_ORDER = 'test/db/interleaving/';

export const working: readonly Mutation[] = [
  {
    fault: 'a job is handed out without its lock',
    changes: [change('src/store/job-pick.ts', '\n      for update of j skip locked')],
    noticedBy: by(
      `${IN_EVERY_ORDER}job.test.ts`,
      'and a cancel: the job is canceled, or its daemon is told',
    ),
  },
  {
    fault: 'whoever hands out a job waits for who cancels it',
    changes: [change('src/store/job-pick.ts', 'for update of j skip locked', 'for update of j')],
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
      'and the reaper: it counts or is refused, and the job ends once (%s)',
    ),
  },
  {
    fault: 'a result counts whatever attempt it is of',
    changes: [change('src/jobs/end-attempt.ts', '  checkHolder(attempt, job);\n')],
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
  {
    fault: 'nobody misses the jobs of a daemon that went silent',
    changes: [
      change(
        'src/store/job-sweep.ts',
        "where status in ('running', 'canceling')\n      and heartbeat_at",
        'where false\n      and heartbeat_at',
      ),
    ],
    noticedBy: by(
      'test/db/job/lost.test.ts',
      'of a start fails as hung, after the whole time and not before',
    ),
  },
  {
    fault: 'what goes ahead of a statement gives rows in its name',
    changes: [
      change('src/store/message-query.ts', 'if (this.#aheadToCome > 0 || this', 'if (this'),
    ],
    noticedBy: by('test/db/message-query.test.ts', 'gives its own rows, whatever goes ahead of it'),
  },
  {
    fault: 'an empty statement that goes ahead is taken for the end of nothing',
    changes: [
      change(
        'src/store/message-query.ts',
        'handleEmptyQuery(): void {\n    this.#endsAhead();',
        'handleEmptyQuery(): void {',
      ),
    ],
    noticedBy: by(
      'test/db/message-query.test.ts',
      'with an empty statement ahead gives what the last one gives',
    ),
  },
  {
    fault: 'a connection keeps the first rows of each statement',
    changes: [
      change(
        'src/store/message.ts',
        'known.set(name, readers)',
        'known.set(name, Object.assign([...readers], { answer }))',
      ),
    ],
    noticedBy: by('test/db/message-query.test.ts', 'does not keep the rows that it gave'),
  },
  {
    fault: 'a result is stored as often as it is reported',
    changes: [
      change(
        'src/jobs/end-attempt.ts',
        "if (job.status === 'running' || job.status === 'canceling') return",
        "if (job.status !== 'pending') return",
      ),
    ],
    noticedBy: by(
      'test/db/job/complete.test.ts',
      'is a success when it is reported twice, and counts once',
    ),
  },
  {
    fault: 'a key that was revoked opens for as long as it is remembered',
    changes: [change('src/people/authenticate.ts', '    remembered.clear();\n')],
    noticedBy: by(
      'test/db/people/provisioner-key.test.ts',
      'opens nothing from the moment on at which its end is heard of',
    ),
  },
  {
    fault: 'a key is remembered as it was before it was revoked',
    changes: [change('src/people/authenticate.ts', 'isNews && ')],
    noticedBy: by(
      'test/db/people/provisioner-key.test.ts',
      'is not remembered as it was read while it was revoked',
    ),
  },
  {
    fault: 'what is to be done later fails outside the savepoint that it was asked for in',
    changes: [
      change(
        'src/store/open-transaction.ts',
        '      else if (ahead.length > 0) await query(release);\n',
      ),
    ],
    noticedBy: by(
      'test/db/message.test.ts',
      'fails in the savepoint that it was asked for in, and the transaction goes on',
    ),
  },
  {
    fault:
      'who goes back to a savepoint of a transaction that has ended does so in the next one of the connection',
    changes: [change('src/store/open-transaction.ts', 'if (hasEnded()) return; ', '')],
    noticedBy: by(
      'test/db/message.test.ts',
      'is gone back from by nobody whose transaction has ended without them',
    ),
  },
  {
    fault: 'who never came to a savepoint goes back to one of the same name',
    changes: [change('src/store/open-transaction.ts', `; release savepoint \${name}\`);`, '`);')],
    noticedBy: by(
      'test/db/message.test.ts',
      'fails the transaction where it failed before the savepoint, whatever was gone back to before',
    ),
  },
  {
    fault: 'a lost start is begun again',
    changes: [change('src/domain/job/lost-attempt.ts', "lost.transition === 'start' || ", '')],
    noticedBy: by('test/db/job/lost.test.ts', 'loses its starts at once'),
  },
  {
    fault: 'who waits for work hears of it by notices alone',
    changes: [
      change(
        'src/jobs/waiting-group.ts',
        '      news += 1;\n      pump();\n      // The look',
        '      // The look',
      ),
    ],
    noticedBy: by('test/db/job/acquire.test.ts', 'looks by itself when the notice was lost'),
  },
  {
    fault: 'an answer that was lost with a job in it is not missed',
    changes: [
      change(
        'src/jobs/untold-attempt.ts',
        'if (calls.length === 0) return;',
        'if (calls.length >= 0) return;',
      ),
    ],
    noticedBy: by(
      'test/db/job/lost-call.test.ts',
      'is handed out again at once, as the attempt that it was',
    ),
  },
  {
    fault: 'the end of a build is not told to its pool',
    changes: [
      change('src/jobs/finish-build.ts', '      runs: isStarted(one),', '      runs: false,'),
    ],
    noticedBy: by(
      'test/db/job/complete.test.ts',
      'makes it run, ready at once when nothing has to prove itself, and is as old as its acquisition',
    ),
  },
];
