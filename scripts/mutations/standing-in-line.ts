// Faults in the lines of those who wait: their turns, their places, and the proof of what is taken for them.
import { by, change, type Mutation } from './mutation.ts';

const WAITING = 'test/db/claim/waiting.test.ts';
const SERVED_PROOF = 'test/db/claim/served-proof.test.ts';
const BESIDE_PROOFS = 'test/db/claim/beside-proofs.test.ts';
const SERVED_MIXED = 'test/db/claim/served-proof-mixed.test.ts';
const SERVED_LEFT = 'test/db/claim/served-proof-left.test.ts';
const LINE_RACE = 'test/db/claim/line-race.test.ts';
const QUOTA = 'test/db/claim/quota.test.ts';

export const standingInLine: readonly Mutation[] = [
  {
    fault: 'a turn of a line compares with what people spend, and does not wait for who spends it',
    changes: [
      change(
        'src/workspaces/waiting/serve-waiters.ts',
        'await lockQuotas.all(tx, { organizationId, userIds });',
        'void organizationId;',
      ),
    ],
    noticedBy: by(QUOTA, 'is judged by what is left when those who spend for them are done'),
  },
  {
    fault: 'turns of two lines lock those who stand in both one after the other',
    changes: [
      change(
        'src/workspaces/waiting/serve-waiters.ts',
        'await lockQuotas.all(tx, { organizationId, userIds });',
        'void organizationId;',
      ),
      change(
        'src/workspaces/waiting/serve-waiters.ts',
        '    for (const waiter of waiters) {\n',
        `    for (const waiter of waiters) {
      const { organizationId } = read;
      await lockQuotas.all(tx, { organizationId, userIds: [waiter.userId] });
`,
      ),
    ],
    noticedBy: by(
      QUOTA,
      'in lines of opposite order is refused by both, and no turn waits for another that waits for it',
    ),
  },
  {
    fault: 'a turn of a line serves whose spending it has not locked',
    changes: [
      change(
        'src/workspaces/waiting/serve-waiters.ts',
        'spenders?.has(waiter.userId) === false',
        'spenders?.size === 0',
      ),
    ],
    noticedBy: by(QUOTA, 'and came after those whom a turn serves is served by the next one'),
  },
  {
    fault: 'a line is forgotten where what is ready was locked for a moment',
    changes: [
      change(
        'src/workspaces/waiting/serve-waiters.ts',
        "says nothing then.\n        tx.notify({ kind: 'pool', poolId });",
        'says nothing then.',
      ),
    ],
    noticedBy: by(
      WAITING,
      'is served by another turn where what is ready was locked for a moment, and not taken',
    ),
  },
  {
    fault: 'a claim takes what others stand in line for',
    simulated: true,
    changes: [change('src/store/claim-take.ts', 'and q.priority >= a.priority', 'and false')],
    noticedBy: by(WAITING, 'goes before who comes later and would not wait'),
  },
  {
    fault: 'a line is served without regard to priority',
    simulated: true,
    changes: [
      change(
        'src/store/waiter.ts',
        'order by q.priority desc, q.turn\n    limit $limit\n    for update of q',
        'order by q.turn\n    limit $limit\n    for update of q',
      ),
    ],
    noticedBy: by(WAITING, 'is served by priority, then in the order in which they came'),
  },
  {
    fault: 'whose deadline has passed is served by who had read before that it had not',
    changes: [change('src/store/claim-take.ts', 'where q.id = a.waiter_id and ', 'where true or ')],
    noticedBy: by(
      LINE_RACE,
      'by a process that stood still gives nothing to whose deadline passed meanwhile',
    ),
  },
  {
    fault: 'who has waited is given what no agent has answered for',
    changes: [
      change(
        'src/workspaces/take-workspace.ts',
        "  const isToProve = hasToProve(order);\n  const sought = seek(deps, order, { isToProve });\n  if (sought.kind === 'none') return sought;\n  const taken = await serve",
        "  const isToProve = order.requester.userId.length === 0;\n  const sought = seek(deps, order, { isToProve });\n  if (sought.kind === 'none') return sought;\n  const taken = await serve",
      ),
    ],
    noticedBy: by(SERVED_PROOF, 'is served when the agent has answered, and waits until then'),
  },
  {
    fault: 'who was taken a dead one for loses their place',
    changes: [
      change('src/store/claim-proof.ts', 'where q.workspace_id = voided.id', 'where false'),
    ],
    noticedBy: by(
      SERVED_PROOF,
      'is back at the old place after two that did not answer, with priority and deadline',
    ),
  },
  {
    fault: 'who stands behind is given what somebody before may need yet',
    changes: [
      change(
        'src/workspaces/waiting/serve-waiters.ts',
        'left <= countBefore(unproven, waiter)',
        'left < countBefore(unproven, waiter) - unproven.length',
      ),
    ],
    noticedBy: by(
      SERVED_PROOF,
      'is not overtaken meanwhile by who stands behind, and is by a higher priority',
    ),
  },
  {
    fault: 'a claim takes what somebody in line may need yet',
    changes: [change('src/store/claim-take.ts', 'offset a.place - 1 + (', 'offset 0 * (')],
    noticedBy: by(BESIDE_PROOFS, 'waits for somebody who is being proven, and does not overtake'),
  },
  {
    fault: 'a claim is held up by everybody who is being proven, whatever else is ready',
    changes: [change('src/store/claim-take.ts', 'then exists (', 'then false and exists (')],
    noticedBy: by(
      BESIDE_PROOFS,
      'takes what is ready beyond one for each of them, whether their proof ends or not (%s)',
    ),
  },
  {
    fault: 'who has waited too long is served by an answer that comes later',
    changes: [
      change(
        'src/store/claim-confirm.ts',
        'and q.deadline_at <= (select standby_now())',
        'and false',
      ),
    ],
    noticedBy: by(SERVED_PROOF, 'is not put off by the answer'),
  },
  {
    fault: 'who waits for the proof of what a control plane of before has settled waits for ever',
    changes: [
      change('src/store/waiter-mend.ts', "in ('hit', 'failed', 'void')", "in ('hit', 'failed')"),
    ],
    noticedBy: by(SERVED_MIXED, 'is in line again where it is void, with what was given'),
  },
  {
    fault: 'who cancels is told that they were served, and waits',
    changes: [
      change(
        'src/workspaces/waiting/end-waiters.ts',
        'now.outcome === null; looks++',
        'now.outcome === null && looks < 1; looks++',
      ),
    ],
    noticedBy: by(
      SERVED_MIXED,
      'has left it, where something else was taken for them in that moment',
    ),
  },
  {
    fault: 'who cancels what they use already waits on',
    changes: [
      change(
        'src/workspaces/waiting/end-waiters.ts',
        'if (!hasLeft) await takeBack(deps, taking);',
      ),
    ],
    noticedBy: by(SERVED_MIXED, 'is told of the workspace that they have found and use'),
  },
  {
    fault: 'a proof that its control plane left waits for the sweep of claims',
    changes: [
      change('src/workspaces/waiting/line-keeper.ts', 'await deps.lineProver.resume();', 'return;'),
    ],
    noticedBy: by(SERVED_LEFT, 'is found by the regular look at the lines'),
  },
  {
    fault: 'a proof is gone on with while silence must not be judged',
    changes: [change('src/store/waiter-end.ts', 'and not $', 'and null is distinct from $')],
    noticedBy: by(SERVED_LEFT, 'is left alone while silence must not be judged'),
  },
  {
    fault: 'a pool takes away what those in its line were about to get',
    changes: [
      change(
        'src/reconciler/reconcile-pool.ts',
        'afterServing = locked.hasLine ? await',
        'afterServing = Number(locked.hasLine) > 1 ? await',
      ),
    ],
    noticedBy: by(WAITING, 'is served before the pool takes away what it needs no more'),
  },
];
