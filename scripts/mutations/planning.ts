// Faults in what is made, what is held back, and what goes first.
import { by, change, type Mutation } from './mutation.ts';

const PLAN = 'src/domain/pool/decide.test.ts';
const A_MODEL = by(
  'test/model/pool.test.ts',
  'keeps its promises and comes to its target, whatever happens',
);

export const planning: readonly Mutation[] = [
  {
    fault: 'a backoff holds back deletes',
    always: true,
    changes: [
      change(
        'src/domain/pool/decide.ts',
        "actions: created === 0 ? cleanup : [...cleanup, { kind: 'create', count: created }],",
        "actions: brake !== null ? [] : created === 0 ? cleanup : [...cleanup, { kind: 'create', count: created }],",
      ),
    ],
    noticedBy: by('test/db/reconciler/brakes.test.ts', 'holds back nothing but creations'),
  },
  {
    fault: 'a pool builds for all who stand in line, whatever its ceiling',
    simulated: true,
    changes: [
      change(
        'src/domain/pool/decide.ts',
        'Math.min(desired + waiting, preset.maxInstances ?? desired)',
        'desired + waiting',
      ),
    ],
    noticedBy: by(PLAN, 'keeps the target between the desired count and the ceiling'),
  },
  {
    fault: 'the next one of who is being proven is taken away',
    changes: [
      change(
        'src/domain/pool/decide.ts',
        'decideTarget(desired, preset, waiting + unproven);',
        'decideTarget(desired, preset, waiting);',
      ),
    ],
    noticedBy: by(PLAN, 'takes away nothing that those would need whose agents do not answer'),
  },
  {
    fault: 'a pool does not know who is being proven',
    changes: [
      change(
        'src/store/pool-row.ts',
        'count(q.workspace_id) as unproven',
        'count(q.ended_at) as unproven',
      ),
    ],
    noticedBy: by(
      'test/db/claim/served-proof-kept.test.ts',
      'keeps one that is ready, which they are given where it does not answer',
    ),
  },
  {
    fault: 'a pool builds another one for who is being proven',
    changes: [
      change(
        'src/domain/pool/decide.ts',
        'decideTarget(desired.count, preset, snapshot.waiting) : 0;',
        'decideTarget(desired.count, preset, snapshot.waiting + snapshot.unproven) : 0;',
      ),
    ],
    noticedBy: by(PLAN, 'builds none for those whose agents have yet to answer'),
  },
  {
    fault: 'the surplus is deleted by age only',
    always: true,
    changes: [
      change(
        'src/domain/pool/decide.ts',
        'Number(a.ready) - Number(b.ready) || byAge(a, b)',
        'byAge(a, b)',
      ),
    ],
    noticedBy: by(PLAN, 'deletes the oldest first, ties by id, not-ready ones before ready ones'),
  },
  {
    fault: 'what is being deleted counts as there',
    changes: [
      change(
        'src/domain/pool/decide.ts',
        'state.target - fresh.length - state.starting, 0) : 0;',
        'state.target - fresh.length - state.starting - state.deleting, 0) : 0;',
      ),
    ],
    noticedBy: by(PLAN, 'takes no notice of what is stopping or deleting, but to count it'),
  },
  {
    fault: 'what is starting does not count',
    changes: [
      change(
        'src/domain/pool/decide.ts',
        'state.target - fresh.length - state.starting, 0) : 0;',
        'state.target - fresh.length, 0) : 0;',
      ),
    ],
    noticedBy: by(PLAN, 'never creates above the target, and up to it when nothing holds it back'),
    simulated: true,
  },
  {
    fault: 'a limited pool makes all that is missing when its trial is due',
    changes: [
      change(
        'src/domain/pool/decide.ts',
        'allowed: due ? 1 : 0,',
        'allowed: due ? state.target : 0,',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/brakes.test.ts',
      'makes one trial after its cool-down, whose success clears everything',
    ),
  },
  {
    fault: 'a trial that was nobody’s fault doubles the time to the next',
    changes: [
      change(
        'src/domain/pool/brakes.ts',
        "change('trial_voided', { limit: limitFrom(since, now, cooldownMs) })",
        "change('trial_voided', { limit: limitFrom(since, now, cooldownMs * 2) })",
      ),
    ],
    noticedBy: by(
      'src/domain/pool/brakes.test.ts',
      'repeats a trial that ended by no fault of the template without doubling',
    ),
  },
  {
    fault: 'a failure that is not the template’s is held against it',
    changes: [
      change(
        'src/jobs/finish-build.ts',
        '  if (failed && !isTemplateFault(result.errorCode)) return [];\n',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/brakes.test.ts',
      'that is no fault of the template counts nowhere',
    ),
  },
  {
    fault: 'an action that fails takes what was done before it with it',
    changes: [
      change(
        'src/reconciler/reconcile-pool.ts',
        'done.push(...(await acting.tx.savepoint(work)));',
        'done.push(...(await work()));',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/reconcile.test.ts',
      'goes on with its other actions when one fails, and says what failed',
    ),
  },
  {
    fault: 'nobody looks again when the backoff is over',
    changes: [
      change(
        'src/domain/pool/next-boundary.ts',
        "if (withheld?.reason === 'backoff') return [...expires, withheld.until + 1];",
        "if (withheld?.reason === 'backoff') return expires;",
      ),
    ],
    noticedBy: A_MODEL,
  },
  {
    fault: 'nobody looks again when a prebuild has become unhealthy',
    changes: [change('src/domain/pool/next-boundary.ts', '    ...unhealthyAt,\n')],
    noticedBy: A_MODEL,
  },
  {
    fault: 'a trial that the pool itself cancels goes on',
    changes: [
      change(
        'src/reconciler/act/cancel-pending.ts',
        '      ...(await endTrial(acting, workspaceIds)),\n',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/brakes.test.ts',
      'ends its trial with the build that the pool cancels, at once',
    ),
  },
  {
    fault: 'a limit opens without a success',
    changes: [
      change(
        'src/domain/pool/brakes.ts',
        "if (!limited) return change('hard_limit_healed'",
        "if (limit.trialAt <= now) return change('hard_limit_healed'",
      ),
    ],
    noticedBy: by('src/domain/pool/brakes.test.ts', 'stands until its trial has ended'),
  },
  {
    fault: 'no failures limit a pool',
    changes: [
      change(
        'src/domain/pool/brakes.ts',
        'newest.length === options.hardLimit',
        'newest.length > options.hardLimit',
      ),
    ],
    noticedBy: by('src/domain/pool/brakes.test.ts', 'after %j is reached: %s'),
  },
  {
    fault: 'a limited pool is filled all the same',
    changes: [
      change(
        'src/domain/pool/decide.ts',
        '  if (hardLimited) {',
        '  if (hardLimited && state.target === 0) {',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/brakes.test.ts',
      'makes one trial after its cool-down, whose success clears everything',
    ),
  },
  {
    fault: 'a limited pool tries before its time',
    changes: [
      change('src/domain/pool/decide.ts', 'trialAt <= now && state.starting', 'state.starting'),
    ],
    noticedBy: by(
      'test/db/reconciler/brakes.test.ts',
      'makes one trial after its cool-down, whose success clears everything',
    ),
  },
  {
    fault: 'a backoff holds back nothing',
    changes: [
      change(
        'src/domain/pool/decide.ts',
        'if (backoffUntil !== null) {',
        'if (backoffUntil === 0) {',
      ),
    ],
    noticedBy: by('test/db/reconciler/brakes.test.ts', 'holds back nothing but creations'),
  },
  {
    fault: 'what is too much stays',
    changes: [
      change(
        'src/domain/pool/decide.ts',
        "...deleteAll('extraneous', extraneous)",
        "...deleteAll('extraneous', extraneous.slice(1))",
      ),
    ],
    noticedBy: by(PLAN, 'deletes the oldest first, ties by id, not-ready ones before ready ones'),
  },
  {
    fault: 'a delete that failed is not tried again',
    changes: [
      change(
        'src/domain/pool/housekeeping.ts',
        'retried: retries.filter(isDue)',
        'retried: retries.slice(retries.length).filter(isDue)',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/brakes.test.ts',
      'is tried again with growing pauses until it succeeds',
    ),
  },
];
