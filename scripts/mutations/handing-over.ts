// Faults in claims, and in what the pool takes away from under them.
import { by, change, type Mutation } from './mutation.ts';

const IN_EVERY_ORDER = 'test/db/interleaving/';
const CLAIM_AND_DELETE = by(
  `${IN_EVERY_ORDER}claim.test.ts`,
  'and a pass that deletes have exactly one winner',
);
const RACE = 'test/db/reconciler/race.test.ts';
const AMID_CHANGES = 'test/db/claim/exact-amid-changes.test.ts';
const GETS_ALL = 'while its pool is paused and resumed gets all there is, and pauses are kept';
const QUOTA = 'test/db/claim/quota.test.ts';

export const handingOver: readonly Mutation[] = [
  {
    fault: 'those who spend for one person do not take turns',
    changes: [
      change('src/workspaces/quota.ts', 'userIds: [userId] }', 'userIds: [userId].slice(1) }'),
    ],
    noticedBy: by(QUOTA, 'never spend more by starting, building and claiming'),
  },
  {
    fault: 'a claim that remembers no quota takes a prebuild while there is one',
    changes: [
      change(
        'src/store/claim-take.ts',
        'and (a.is_within_quota or not exists (',
        'and (true or not exists (',
      ),
    ],
    noticedBy: by(
      QUOTA,
      'asks for nothing while no quota is enforced, and from then on, whatever was remembered',
    ),
  },
  {
    fault: 'a claim picks with `in (select … limit 1)`',
    always: true,
    changes: [
      change(
        'src/store/claim-take.ts',
        'where workspace_id = any (array(select workspace_id from given))',
        `where workspace_id in (
          select m.workspace_id from pool_members m
          where m.preset_id = (select preset_id from sought) and \${READY_NOW}
          order by \${inOrder}
          limit 1 for update skip locked)`,
      ),
    ],
    noticedBy: by(
      `${IN_EVERY_ORDER}claim.test.ts`,
      'of three prebuilds both win, and take one each',
    ),
  },
  {
    fault: 'a claim waits for another one',
    changes: [change('src/store/claim-take.ts', 'for update skip locked', 'for update')],
    noticedBy: by(
      `${IN_EVERY_ORDER}claim.test.ts`,
      'of one prebuild have one winner, and wait for nobody',
    ),
  },
  {
    fault: 'a claim does not lock what it takes',
    changes: [change('src/store/claim-take.ts', '\n          for update skip locked')],
    noticedBy: by(
      `${IN_EVERY_ORDER}claim.test.ts`,
      'of one prebuild have one winner, and wait for nobody',
    ),
    simulated: true,
  },
  {
    fault: 'a claim is REPEATABLE READ: it takes in the world in which it was judged',
    changes: [
      change(
        'src/workspaces/create-workspace.ts',
        'return deps.database.transaction(async (tx) => {\n',
        `return deps.database.transaction(async (tx) => {
    await tx.query({ name: '', text: 'set transaction isolation level repeatable read', values: [] });
    await readRequest(tx, requester, request);
`,
      ),
    ],
    noticedBy: by(
      `${IN_EVERY_ORDER}claim.test.ts`,
      'of one prebuild have one winner, and wait for nobody',
    ),
  },
  {
    fault: 'a statement by itself is REPEATABLE READ',
    always: true,
    changes: [
      change(
        'src/store/database.ts',
        String.raw`default_transaction_isolation=read\ committed`,
        String.raw`default_transaction_isolation=repeatable\ read`,
      ),
    ],
    noticedBy: by('test/db/database.test.ts', 'is read committed and in ISO dates all the same'),
  },
  {
    fault: 'claims made together take one fewer than there is, now and then',
    changes: [
      change(
        'src/store/claim-take.ts',
        'limit s.claims',
        'limit s.claims - (random() < 0.8)::integer',
      ),
    ],
    noticedBy: by(AMID_CHANGES, GETS_ALL),
  },
  {
    fault: 'a claim gets nothing of a paused pool',
    changes: [
      change(
        'src/store/claim-take.ts',
        "where t.deprecated = ''",
        "where t.deprecated = '' and not l.paused",
      ),
    ],
    noticedBy: by(
      'test/db/claim/claim.test.ts',
      'still serves from a paused pool, and explains a miss by the pause',
    ),
  },
  {
    fault: 'a claim gets what is too old',
    changes: [
      change(
        'src/store/claim-take.ts',
        '\n            and (m.born_at < s.fresh_since) is not true',
      ),
    ],
    noticedBy: by(
      `${IN_EVERY_ORDER}claim.test.ts`,
      'gets nothing that is too old at that instant, or that a pass deletes',
    ),
    simulated: true,
  },
  {
    fault: 'a claim gets what a former version built',
    changes: [change('src/store/claim-take.ts', ' and t.active_version_id = p.version_id')],
    noticedBy: by(
      `${IN_EVERY_ORDER}claim.test.ts`,
      'gets nothing of a version that is not the active one any more',
    ),
    simulated: true,
  },
  {
    fault: 'a claim by what is remembered does not ask whose template it is',
    changes: [change('src/store/claim-take.ts', 'a.is_admin or exists', 'true or exists')],
    noticedBy: by(
      'test/db/claim/remembered.test.ts',
      'is for members of the organization, and administrators',
    ),
  },
  {
    fault: 'claims made together all want the first',
    changes: [change('src/store/claim-take.ts', ' and w.turn = k.turn')],
    noticedBy: by(
      'test/db/claim/crowd.test.ts',
      'is served by fewer statements than it has claims, and each gets another one',
    ),
  },
  {
    fault: 'claims made together of two pools are numbered as of one',
    changes: [change('src/store/claim-take.ts', 'partition by s.preset_id order', 'order')],
    noticedBy: by('test/db/claim/crowd.test.ts', 'of two pools gets from its own each'),
  },
  {
    fault: 'claims made together wait for what holds up one of them',
    changes: [
      change(
        'src/store/held-up.ts',
        'cardinality(given.items) > 1',
        'cardinality(given.items) > 100',
      ),
    ],
    noticedBy: by('test/db/claim/crowd.test.ts', 'does not wait for what holds up one of it'),
  },
  {
    fault: 'a claim is confirmed by what agents of others have answered',
    changes: [
      change('src/store/claim-confirm.ts', 'where a2.workspace_id = a.workspace_id', 'where true'),
    ],
    noticedBy: by(
      'test/db/claim/answered-together.test.ts',
      'are confirmed each by the agents of its own',
    ),
  },
  {
    fault: 'of two requests that wait for one claim both are the first to be told',
    changes: [
      change(
        'src/store/claim-confirm.ts',
        'confirmed n on n.place = a.place',
        'confirmed n on n.workspace_id = a.workspace_id',
      ),
    ],
    noticedBy: by(
      'test/db/claim/answered-together.test.ts',
      'are confirmed to one of two that ask about the same',
    ),
  },
  {
    fault: 'a claim leaves no idempotency key',
    changes: [
      change(
        'src/store/claim-take.ts',
        'where idempotency_key is not null',
        'where idempotency_key is null',
      ),
    ],
    noticedBy: by(`${IN_EVERY_ORDER}claim.test.ts`, 'with one key are one claim'),
    simulated: true,
  },
  {
    fault: 'a delete does not ask whose the workspace is',
    always: true,
    changes: [
      change('src/store/prebuild.ts', `\n        and w.owner_id = '\${PREBUILDS_USER_ID}'`),
    ],
    noticedBy: by(
      RACE,
      'takes only what is as it was decided on: unclaimed, and its latest build the same',
    ),
  },
  {
    fault: 'a delete does not ask which build it was decided on',
    always: true,
    changes: [change('src/store/prebuild.ts', ' and r."buildNumber" = m.build_number')],
    noticedBy: by(
      RACE,
      'takes only what is as it was decided on: unclaimed, and its latest build the same',
    ),
  },
  {
    fault: 'an administrator deletes a prebuild that was claimed since it was found',
    changes: [
      change(
        'src/workspaces/delete-workspace.ts',
        'workspace.ownerId !== PREBUILDS_USER_ID',
        'false',
      ),
    ],
    noticedBy: by(
      `${IN_EVERY_ORDER}claim.test.ts`,
      'and an administrator who deletes the prebuild have exactly one winner',
    ),
  },
  {
    fault: 'a delete does not lock what it deletes',
    changes: [change('src/store/prebuild.ts', '\n      for update of m\n', '\n')],
    noticedBy: CLAIM_AND_DELETE,
  },
  {
    fault: 'a cancel takes what a daemon has',
    changes: [
      change('src/store/prebuild.ts', "\n      and j.status = 'pending'\n      and j.attempt = 0"),
    ],
    noticedBy: by(
      `${IN_EVERY_ORDER}job.test.ts`,
      'and a pass that cancels: the job is taken or canceled, never both',
    ),
    simulated: true,
  },
  {
    fault: 'notices go out before the commit',
    always: true,
    changes: [
      change(
        'src/store/database.ts',
        '        await tx.end();',
        '        receive(notices);\n        await tx.end();',
      ),
    ],
    noticedBy: by(
      'test/db/notice-bus.test.ts',
      'is never heard when the transaction did not commit',
    ),
  },
  {
    fault: 'something is announced through the pool inside a transaction',
    always: true,
    changes: [change('src/store/database.ts', "      assertOutsideTransaction('announcing');\n")],
    noticedBy: by('test/db/database.test.ts', 'lets nothing be announced but through itself'),
  },
  {
    fault: 'a claim does not raise the epoch',
    changes: [change('src/store/claim-take.ts', '          epoch = w.epoch + 1,\n')],
    noticedBy: by(
      'test/db/claim/claim.test.ts',
      'hands over the oldest ready prebuild and leaves a record of it',
    ),
    simulated: true,
  },
  {
    fault: 'a claim gets what is not ready',
    changes: [
      change(
        'src/store/claim-take.ts',
        `and \${READY_NOW}\n            and (m.born_at`,
        'and m.running_since is not null\n            and (m.born_at',
      ),
    ],
    noticedBy: by('test/db/claim/claim.test.ts', 'never hands over one that is %s'),
    simulated: true,
  },
  {
    fault: 'a claim gets what is of a deprecated template',
    changes: [change('src/store/claim-take.ts', "t.deprecated = ''", 'true')],
    noticedBy: by('test/db/claim/claim.test.ts', 'takes nothing when %s after it was judged'),
  },
  {
    fault: 'an idempotency key is not asked for',
    changes: [
      change(
        'src/workspaces/repeated-request.ts',
        'if (prior === null) return undefined;',
        'if (prior === null || bodyHash.length > 0) return undefined;',
      ),
    ],
    noticedBy: by(
      'test/db/claim/claim.test.ts',
      'gives the same answer for an ordinary workspace, too',
    ),
    simulated: true,
  },
  {
    fault: 'a claim is measured with each request for it',
    changes: [
      change(
        'src/api/workspace/handlers.ts',
        'if (claimed && isRepeated !== true) {',
        'if (claimed) {',
      ),
    ],
    noticedBy: by(
      'test/db/claim/measured-once.test.ts',
      'a claim that is asked for again with its key is measured once',
    ),
  },
  {
    fault: 'a request that may be built fails because the pool is empty',
    changes: [
      change(
        'src/workspaces/create-workspace.ts',
        "if (miss !== undefined && request.onEmpty === 'fail') {",
        'if (miss !== undefined) {',
      ),
    ],
    noticedBy: by(
      'test/db/claim/claim.test.ts',
      'that finds nothing builds an ordinary workspace in the same transaction',
    ),
    simulated: true,
  },
  {
    fault: 'a delete takes what was decided on, claimed meanwhile or not',
    always: true,
    changes: [
      change(
        'src/store/prebuild.ts',
        `select m.workspace_id, m.build_number
      from pool_members m
      join jsonb_to_recordset($rows::jsonb) as r ("workspaceId" uuid, "buildNumber" integer)
        on r."workspaceId" = m.workspace_id and r."buildNumber" = m.build_number
      order by m.workspace_id
      for update of m`,
        `select r."workspaceId" as workspace_id, r."buildNumber" as build_number
      from jsonb_to_recordset($rows::jsonb) as r ("workspaceId" uuid, "buildNumber" integer)`,
      ),
      change('src/store/prebuild.ts', `\n        and w.owner_id = '\${PREBUILDS_USER_ID}'`),
    ],
    noticedBy: by(
      RACE,
      'takes only what is as it was decided on: unclaimed, and its latest build the same',
    ),
  },
  {
    fault: 'what an owner gave is no part of what an idempotency key stands for',
    changes: [
      change(
        'src/workspaces/canonical-request.ts',
        'if (request.values !== undefined) asked.push(canonicalValues(request.values));',
        'if (request.values !== undefined) asked.push(true);',
      ),
    ],
    noticedBy: by(
      'test/db/claim/owner-values.test.ts',
      'is another one with others, whatever order they come in',
    ),
  },
];
