// Faults in what becomes of workspaces by themselves.
import { by, change, type Mutation } from './mutation.ts';

const AUTOSTART = 'test/db/workspace/autostart.test.ts';

export const living: readonly Mutation[] = [
  {
    fault: 'a schedule starts what belongs to somebody who is suspended',
    changes: [change('src/store/life.ts', '{OWNER_ACTIVE} as may_start', "{'true'} as may_start")],
    noticedBy: by(AUTOSTART, 'is not started for who is suspended'),
  },
  {
    fault: 'a schedule starts what its owner has stopped since',
    changes: [
      change(
        'src/domain/workspace/life.ts',
        '  if (createdAt >= nextStartAt && !Object.hasOwn(LIFE_REASONS, reason)) return false;\n',
      ),
    ],
    noticedBy: by('test/db/interleaving/life.test.ts', 'and a stop by its owner: it stays stopped'),
  },
  {
    fault: 'a schedule starts what it could not start, however late it is',
    changes: [
      change(
        'src/domain/workspace/life.ts',
        '  if (now - nextStartAt > LATEST_START_MS) return false;\n',
      ),
    ],
    noticedBy: by(
      AUTOSTART,
      'is not started where it runs, nor for what was missed by more than an hour',
    ),
  },
  {
    fault: 'what is canceled is put off as if it had failed',
    changes: [
      change(
        'src/workspaces/life/keep-lives.ts',
        "if (jobStatus !== 'failed') return 0;",
        "if (jobStatus === 'succeeded') return 0;",
      ),
      change('src/store/life.ts', "          and j.status = 'failed'\n"),
    ],
    noticedBy: by(
      'test/db/workspace/life.test.ts',
      'is over at once again, and no longer put off, where the stop was canceled',
    ),
  },
  {
    fault: 'an owner may cancel the end of a lifetime',
    changes: [change('src/api/job/handlers.ts', 'findEndOfLife(build.reason)', 'undefined')],
    noticedBy: by(
      'test/db/job/cancel.test.ts',
      'is not for the owner of what its template has deleted (%s)',
    ),
  },
  {
    fault: 'a start by schedule is refused without a word to its owner',
    changes: [
      change(
        'src/workspaces/life/keep-lives.ts',
        '    await noteRefusedStart.run(tx, { id, refusal: asJson(refusal), delayMs: PUT_OFF_MS });\n',
      ),
    ],
    noticedBy: by(
      AUTOSTART,
      'shows why it could not be started, and what to do, until it is started',
    ),
  },
  {
    fault:
      'a start by schedule that cannot be the update does not tell how to start it without one',
    changes: [change('src/workspaces/life/keep-lives.ts', '.catch(asOfStart)')],
    noticedBy: by(
      'test/db/workspace/automatic-updates.test.ts',
      'that cannot be is refused, and not a fault of the server',
    ),
  },
  {
    fault: 'a refused start is shown after the owner has changed what was wrong',
    changes: [
      change('src/store/life.ts', '      start_refused_at = null,\n      start_refusal = null,\n'),
    ],
    noticedBy: by(AUTOSTART, 'shows nothing of it any more once its owner has changed its life'),
  },
  {
    fault: 'what could not be looked at stands before all others in every look',
    changes: [
      change(
        'src/workspaces/life/keep-lives.ts',
        '    await putOff.run(database, { id, delayMs: PUT_OFF_MS });\n',
      ),
    ],
    noticedBy: by(
      'test/db/workspace/refused-start.test.ts',
      'a workspace that cannot be looked at is put off',
    ),
  },
  {
    fault: 'a command that waits for a workspace gives up while the server is restarted',
    changes: [
      change(
        'src/cli/workspace/wait.ts',
        'onWaiting, untilAnswered, heldBackMs',
        'onWaiting, heldBackMs',
      ),
    ],
    noticedBy: by(
      'src/cli/workspace/wait.test.ts',
      'goes on while the server is restarted, however long that takes, and says so',
    ),
  },
  {
    fault: 'a sealed value is told that a newer version would not take',
    changes: [
      change(
        'src/workspaces/plan-rebuild.ts',
        'rebuildParameters(declared, ',
        'rebuildParameters(manifest.parameters, ',
      ),
    ],
    noticedBy: by(
      'test/db/workspace/preview.test.ts',
      'tells no secret that a version would not take, whatever that calls it',
    ),
  },
  {
    fault: 'an update begins that its dry run has refused',
    changes: [
      change('src/workspaces/rebuild-workspace.ts', 'if (refusal !== undefined) throw refusal;'),
    ],
    noticedBy: by(
      'test/db/workspace/preview.test.ts',
      'tells all that an update would be refused for, and the first of it is the error',
    ),
  },
];
