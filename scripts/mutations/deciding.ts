// Faults in who decides about a pool, and what is decided from.
import { by, change, type Mutation } from './mutation.ts';

const IN_EVERY_ORDER = 'test/db/interleaving/';
const TWO_PASSES = by(
  `${IN_EVERY_ORDER}pass.test.ts`,
  'over one pool make what one would have made',
);
const PAUSE = by(
  `${IN_EVERY_ORDER}pass.test.ts`,
  'a pause of everything: no pass writes for anything once that was answered',
);
const READ_UNDER_LOCK = `    const locked = await lockPool.maybe(tx, { poolId });
    if (locked === undefined) return { kind: 'idle' };
    // Before anything is decided: what they get is not extraneous. A pause does not hold them back either.
    afterServing = locked.hasLine ? await deps.serveWaiters(tx, poolId) : undefined;
    if (locked.paused) return { kind: 'paused' };
    const { moment, pools } = await readPools(tx, [poolId], options);
    if (moment.paused) return { kind: 'paused' };
    const [pool] = pools;
`;

export const deciding: readonly Mutation[] = [
  {
    fault: 'a pool is decided without its lock',
    always: true,
    changes: [change('src/store/pool-lock.ts', '\n      for no key update')],
    noticedBy: TWO_PASSES,
    simulated: true,
  },
  {
    fault: 'one statement locks the pool and reads what it is decided from',
    always: true,
    changes: [
      change('src/store/pool-lock.ts', '\n      for no key update'),
      change(
        'src/store/pool-row.ts',
        "membersOf(everyOf('pool_members'))",
        `'with locked as materialized (select id from pools where id = any ($poolIds::uuid[]) for no key update) ' +
    membersOf("(select id from locked) as asked cross join lateral (select * from pool_members where pool_id = asked.id offset 0)")`,
      ),
    ],
    noticedBy: TWO_PASSES,
    simulated: true,
  },
  {
    fault: 'a pool is decided from what was read before its lock',
    always: true,
    changes: [
      change(
        'src/reconciler/reconcile-pool.ts',
        READ_UNDER_LOCK,
        `    const { moment, pools } = await readPools(tx, [poolId], options);
    if (moment.paused) return { kind: 'paused' };
    const [pool] = pools;
    const locked = await lockPool.maybe(tx, { poolId });
    if (locked === undefined) return { kind: 'idle' };
`,
      ),
    ],
    noticedBy: TWO_PASSES,
    simulated: true,
  },
  {
    fault: 'transactions are REPEATABLE READ',
    always: true,
    changes: [
      change(
        'src/store/open-transaction.ts',
        "write: 'begin isolation level read committed'",
        "write: 'begin isolation level repeatable read'",
      ),
    ],
    noticedBy: TWO_PASSES,
    simulated: true,
  },
  {
    fault: 'more is made than is missing, if a decision asks for it',
    changes: [
      change(
        'src/reconciler/act/create.ts',
        'const wanted = Math.min(count, roomFor(plan.state));',
        'const wanted = Math.min(count, 1_000 + roomFor(plan.state));',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/reconcile.test.ts',
      'is cut to what is missing, and the log says so as what must never happen',
    ),
  },
  {
    fault: 'a membership that somebody else makes at the same moment counts as a failure',
    changes: [
      change(
        'src/store/prebuild-membership.ts',
        '\n    on conflict on constraint groups_organization_id_name_key do nothing',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/race.test.ts',
      'is made once by six at once over several pools',
    ),
  },
  {
    fault: 'a promotion does not wait for the pools that are being decided',
    changes: [change('src/templates/lock-template.ts', '  await lockPoolsOfTemplate(tx, id);\n')],
    noticedBy: by(
      `${IN_EVERY_ORDER}pass.test.ts`,
      'are in one order: nothing old is made once the promotion was answered',
    ),
  },
  {
    fault: 'a pass does not heed a pause of everything that is under way',
    changes: [
      change(
        'src/store/pool-lock.ts',
        `pg_advisory_xact_lock_shared(\${PAUSE_LOCK})::text`,
        "''::text",
      ),
    ],
    noticedBy: PAUSE,
  },
  {
    fault: 'a pause of everything waits for nobody',
    changes: [
      change(
        'src/store/settings.ts',
        `select pg_advisory_xact_lock(\${PAUSE_LOCK})::text as locked`,
        `select ''::text as locked`,
      ),
    ],
    noticedBy: PAUSE,
  },
  {
    fault: 'two pools spend one budget',
    changes: [
      change(
        'src/store/creation-budget.ts',
        `pg_advisory_xact_lock(\${BUDGET_LOCK}, hashtext($organizationId::text))`,
        '$organizationId::text',
      ),
    ],
    noticedBy: by(
      `${IN_EVERY_ORDER}pass.test.ts`,
      'over two pools of one organization never spend its budget twice',
    ),
  },
  {
    fault: 'settings that cannot be read count as not paused',
    changes: [
      change(
        'src/store/settings.ts',
        "if (typeof paused === 'boolean') return { reconciliationPaused: paused };",
        'if (paused !== null) return { reconciliationPaused: paused === true };',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/loop.test.ts',
      'does nothing while everything is paused, and fails on settings that cannot be read',
    ),
  },
  {
    fault: 'one pool that cannot be decided stops all others',
    changes: [
      change(
        'src/reconciler/all-pools.ts',
        '  } catch {\n    return undefined;\n',
        '  } catch (error) {\n    throw error;\n',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/loop.test.ts',
      'goes on with the other pools when one cannot even be decided',
    ),
  },
  {
    fault: 'the lease is taken from a holder that is alive',
    changes: [change('src/store/lease.ts', 'l.expires_at <= clock_timestamp()', 'true')],
    noticedBy: by(
      `${IN_EVERY_ORDER}pass.test.ts`,
      'that ran out is renewed or taken over, by one of all',
    ),
  },
  {
    fault: 'the epoch of the lease does not rise',
    changes: [change('src/store/lease.ts', 'else l.epoch + 1 end', 'else l.epoch end')],
    noticedBy: by(
      `${IN_EVERY_ORDER}pass.test.ts`,
      'that ran out is renewed or taken over, by one of all',
    ),
  },
  {
    fault: 'a lease is never taken over',
    changes: [change('src/store/lease.ts', 'or l.expires_at <= clock_timestamp()', 'or false')],
    noticedBy: by(
      'test/db/reconciler/lease.test.ts',
      'goes to another when its holder shows no sign for the TTL, and the epoch rises',
    ),
    simulated: true,
  },
  {
    fault: 'the periodic pass looks and does nothing',
    changes: [
      change(
        'src/reconciler/pass.ts',
        'const due = decided.filter(isDue);',
        'const due = decided.filter(() => false);',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/loop.test.ts',
      'brings everything to its target although every notice is lost',
    ),
    simulated: true,
  },
  {
    fault: 'a paused pool is kept filled',
    changes: [
      change(
        'src/store/pool-lock.ts',
        'select organization_id, paused\n',
        'select organization_id, false as paused\n',
      ),
      change(
        'src/domain/pool/decide.ts',
        '  if (preset.paused) return { state, actions: [], withheld: withholdAll(cleanup, missing) };\n',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/reconcile.test.ts',
      'makes nothing and deletes nothing while it is paused',
    ),
    simulated: true,
  },
  {
    fault: 'what gives way to claims waits for as long as there are any',
    changes: [
      change('src/base/precedence.ts', 'clock.sleep(mostMs, over', 'clock.sleep(Infinity, over'),
    ],
    noticedBy: by(
      'src/base/precedence.test.ts',
      'waits anew for what began after that, and never longer than it may',
    ),
  },
  {
    fault: 'what gives way begins while a claim is under way, because another has ended',
    changes: [change('src/base/precedence.ts', 'if (underWay === 0) over.abort', 'over.abort')],
    noticedBy: by('src/base/precedence.test.ts', 'begins when the last that goes first has ended'),
  },
  {
    fault: 'who joins a line waits for the claims of others',
    changes: [change('src/reconciler/pool-triggers.ts', '    withLine.add(poolId);\n')],
    noticedBy: by(
      'test/db/reconciler/behind-claims.test.ts',
      'has it at once when somebody joins its line',
    ),
  },
  {
    fault: 'who stands in line waits for the claims of others',
    changes: [
      change(
        'src/reconciler/pool-triggers.ts',
        'put(withLine, poolId, found.line)',
        'put(withLine, poolId, false)',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/behind-claims.test.ts',
      'has it at once where somebody stands in its line',
    ),
  },
  {
    fault: 'a pool that holds something back waits a second when a build of its has ended',
    changes: [
      change(
        'src/reconciler/pool-triggers.ts',
        'put(content, poolId, isContent)',
        'put(content, poolId, !found.line)',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/progress.test.ts',
      'has it at once where its last turn held something back',
    ),
  },
  {
    fault: 'progress during a turn is taken for seen by it',
    changes: [
      change('src/reconciler/pool-triggers.ts', '      progress.set(poolId, null);\n'),
      change(
        'src/reconciler/pool-triggers.ts',
        '          refill.end(outcome);\n',
        '          refill.end(outcome);\n          progress.set(poolId, null);\n',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/progress.test.ts',
      'has another one where it came on during a turn, which may not have seen it',
    ),
  },
  {
    fault: 'who is found in line by a turn waits a second for progress during it',
    changes: [
      change(
        'src/reconciler/pool-triggers.ts',
        '          if (!isContent && cameOn.has(poolId)) addInItsTurn(poolId);\n',
      ),
    ],
    noticedBy: by(
      'test/db/reconciler/progress.test.ts',
      'has it at once where it came on during a turn that %s',
    ),
  },
  {
    fault: 'each progress puts off the turn that an earlier one asked for',
    changes: [
      change(
        'src/reconciler/boundary-timers.ts',
        'if (at < (dueAtMs',
        'if (at > 0 || at < (dueAtMs',
      ),
    ],
    noticedBy: by('src/reconciler/boundary-timers.test.ts', 'are brought forward, never put off'),
  },
  {
    fault: 'what was claimed is replaced beside claims',
    changes: [
      change('src/reconciler/pool-triggers.ts', 'if (withLine.has(poolId)) add', 'if (poolId) add'),
    ],
    noticedBy: by(
      'test/db/reconciler/behind-claims.test.ts',
      'has its turn when the claims that are under way have ended',
    ),
  },
  {
    fault: 'the end of a build for a pool does not give way to claims',
    changes: [
      change(
        'src/jobs/end-builds.ts',
        '    gather: () => precedence.behind(GIVE_WAY_MS, () => Promise.resolve()),\n',
      ),
    ],
    noticedBy: by('test/db/job/behind-claims.test.ts', 'gives way where a pool asked for it'),
  },
  {
    fault: 'the end of a build that may meet another’s locks keeps those beside it waiting',
    changes: [change('src/jobs/acquire-job.ts', ' && !PLANNING_DRIVERS.includes(driver)')],
    noticedBy: by(
      'test/db/job/behind-claims.test.ts',
      'goes alone where its preset may be rehearsed, and where a pool deletes',
    ),
  },
  {
    fault: 'a prebuild whose member somebody holds is ended as if it were no pool’s',
    changes: [
      change(
        'src/store/job.ts',
        '          or not exists (select from pool_members held where held.workspace_id = w.id))`',
        '          or true)`',
      ),
    ],
    noticedBy: by(
      'test/db/job/builds-together.test.ts',
      'do not wait for the one whose %s somebody holds',
    ),
  },
  {
    fault: 'two reports of one build that are stored together both count',
    changes: [change('src/jobs/end-builds.ts', '      free.delete(end.attempt.jobId);\n')],
    noticedBy: by(
      'test/db/job/builds-together.test.ts',
      'about the same job are one that counts and one that is known or refused',
    ),
  },
  {
    fault: 'the end of a build that cannot be stored keeps those beside it from it',
    changes: [
      change('src/jobs/end-builds.ts', 'isOfOneItem: isOfOneRow', 'isOfOneItem: () => false'),
    ],
    noticedBy: by('test/db/job/builds-together.test.ts', 'are stored though one of them cannot be'),
  },
  {
    fault: 'one that turned bad after its build counts as built well',
    changes: [
      change('src/store/pool-row.ts', 'running_since is not null and not ready))`', 'false))`'),
    ],
    noticedBy: by('test/db/reconciler/pool-rows.test.ts', 'are read when one that runs %s'),
  },
];
