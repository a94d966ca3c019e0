// Faults in what agents are told, and in what is made of what they say.
import { by, change, type Mutation } from './mutation.ts';

const SHOWN = 'test/db/agent/shown-session.test.ts';

export const agents: readonly Mutation[] = [
  {
    fault: 'agents that wait are not told of a claim',
    changes: [
      change(
        'src/workspaces/take-workspace.ts',
        "    { kind: 'owner', workspaceId: workspace.id },\n",
      ),
    ],
    noticedBy: by(
      'test/db/claim/claim.test.ts',
      'hands over the oldest ready prebuild and leaves a record of it',
    ),
  },
  {
    fault: 'an agent that waits hears nothing of another owner',
    changes: [
      change(
        'src/workspaces/agent/heartbeat.ts',
        "kind: 'owner', workspaceId: session.workspaceId",
        "kind: 'workspace', workspaceId: session.workspaceId",
      ),
    ],
    noticedBy: by(
      'test/db/agent/cost.test.ts',
      'that waits is handed over by one statement when its workspace is claimed',
    ),
  },
  {
    fault: 'what becomes of a workspace while its agent is heard is missed',
    changes: [
      change('src/workspaces/agent/heartbeat.ts', 'looksAtOnce: isMissed', 'looksAtOnce: false'),
    ],
    noticedBy: by(SHOWN, 'is told at once, before the agent waits'),
  },
  {
    fault:
      'an agent that knows of an owner who is forgotten has its prebuild given to the next one',
    changes: [change('src/store/sign-of-life.ts', '\n        and c.newest_epoch <= c.epoch')],
    noticedBy: by(SHOWN, 'does not get what has served an owner whom the database does not know'),
  },
  {
    fault: 'an agent is heard by a session that has ended',
    changes: [change('src/store/sign-of-life.ts', '\n          and ended_at is null')],
    noticedBy: by(SHOWN, 'that has ended opens nothing and says nothing'),
  },
  {
    fault: 'an agent is heard by a session of another epoch',
    changes: [change('src/store/sign-of-life.ts', '\n          and epoch = s.epoch')],
    noticedBy: by(SHOWN, 'of another epoch opens nothing and says nothing'),
  },
  {
    fault: 'an agent is heard whose workspace is deleted',
    changes: [change('src/store/sign-of-life.ts', `\n          and \${IS_LIVING}`)],
    noticedBy: by(SHOWN, 'of a workspace that is deleted opens nothing and says nothing'),
  },
  {
    fault: 'a call that names an epoch beyond all numbers fails those that come with it',
    changes: [change('src/workspaces/agent/heartbeat.ts', '2 ** 31 - 1', 'Infinity')],
    noticedBy: by(
      SHOWN,
      'that comes with an epoch that nothing can count to fails by itself, if at all',
    ),
  },
  {
    fault: 'all agents that wait are locked when some notices may be lost',
    changes: [change('src/store/long-poll.ts', "if (kind !== 'resync') isHeard", 'isHeard')],
    noticedBy: by(
      'test/db/agent/cost.test.ts',
      'that waits only reads when it looks in case a notice was lost',
    ),
  },
  {
    fault: 'an agent that calls again is called as one that hung up',
    changes: [change('src/api/agent/handlers.ts', 'lostLines.forget(found.agentId);')],
    noticedBy: by('test/db/agent/cost.test.ts', 'is forgotten when its agent calls again'),
  },
  {
    fault: 'of an agent that calls twice at once the one call is taken for the other',
    changes: [
      change('src/store/sign-of-life.ts', 'unchanged.place = s.place', 'unchanged.id = a.id'),
    ],
    noticedBy: by(
      'test/db/agent/sign-races.test.ts',
      'is stored beside another one of the same agent that says nothing new',
    ),
  },
  {
    fault: 'an agent that hears of an owner is given a session, whoever has its workspace',
    changes: [change('src/store/agent-session.ts', 's.epoch < w.epoch\n        and ')],
    noticedBy: by(
      'test/db/agent/cost.test.ts',
      'that waits looks once more when it is told of an owner and there is none',
    ),
  },
  {
    fault: 'what an owner gave is told to a session that another has ended',
    changes: [change('src/store/owner-values.ts', '\n      and s.ended_at is null')],
    noticedBy: by('test/db/claim/owner-values.test.ts', 'is told to the newest session alone'),
  },
  {
    fault: 'of two agents of a prebuild that are ready at once, neither sees the other',
    changes: [
      change(
        'src/store/sign-of-life.ts',
        'where agents.workspace_id = m.workspace_id) = 1',
        'where agents.workspace_id = m.workspace_id) > 0',
      ),
    ],
    noticedBy: by(
      'test/db/agent/sign-of-life.test.ts',
      'of one of several of a prebuild is stored in its turn, and the last one makes it ready',
    ),
  },
  {
    fault: 'what an owner gave stays in the database once it is delivered',
    changes: [
      change(
        'src/workspaces/agent/heartbeat.ts',
        '{ workspaceId })).length > 0',
        '{ workspaceId })).length > 1',
      ),
    ],
    noticedBy: by(
      'test/db/claim/owner-values.test.ts',
      'is told to each agent of the prebuilt workspace, and gone when all have taken over',
    ),
  },
  {
    fault: 'every agent that comes back costs a statement of its own',
    changes: [change('src/store/agent-together.ts', 'MAX_ITEMS = 100', 'MAX_ITEMS = 1')],
    noticedBy: by(
      'test/db/agent/storm.test.ts',
      'hears of all its agents with a few statements, and writes down that it did',
    ),
  },
];
