// Plans of a new installation's first minute, which PostgreSQL makes before there are statistics, and a connection
// keeps: what agents and whoever waits for them ask reads the rows that it is about, however many there are by then.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserId } from '../../../src/base/id.ts';
import { findAgentOwners } from '../../../src/store/agent.ts';
import {
  findAgentSessions,
  handOverAgentSessions,
  replaceAgentSessions,
} from '../../../src/store/agent-session.ts';
import { confirmClaims } from '../../../src/store/claim-confirm.ts';
import { hearAgents, recordSignsOfLife } from '../../../src/store/sign-of-life.ts';
import { planEarly, type EarlyPlans } from '../../support/early-plans.ts';
import { createFactory } from '../../support/factory.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

const WORKSPACES = 60;
const STATEMENTS = {
  ...{ confirmClaims, findAgentSessions, findAgentOwners },
  ...{ handOverAgentSessions, replaceAgentSessions, hearAgents, recordSignsOfLife },
};

let store: TestStore;
let ann: UserId;
let plans: EarlyPlans<keyof typeof STATEMENTS>;

beforeAll(async () => {
  store = await openTestStore();
  plans = await planEarly(store, STATEMENTS);
  const make = createFactory(store);
  const organizationId = await make.organization();
  ann = await make.user();
  const pool = await make.pool(await make.template({ organizationId }));
  for (const workspaceId of await makeReady(store, make, { pool, count: WORKSPACES })) {
    await make.agent(workspaceId, { name: 'main', kind: 'program' });
  }
  await store.sql(
    `insert into agent_sessions (id, agent_id, workspace_id, epoch, hash, created_at)
     select gen_random_uuid(), id, workspace_id, 0, sha256(id::text::bytea), standby_now()
     from agents`,
  );
  await store.sql(
    `insert into claims
       (id, organization_id, template_id, user_id, pool_id, workspace_id, epoch, outcome, stage_ms, at)
     select gen_random_uuid(), organization_id, template_id, owner_id, pool_id, id, 1, 'taken', '{}',
       standby_now()
     from workspaces`,
  );
}, 60_000);
afterAll(() => store.close());

const reversed = (hash: string): string => String.raw`\x${hash.split('').reverse().join('')}`;

describe('planned while the tables were empty', () => {
  const one = async (): Promise<Record<string, string>> => {
    const [row] = await store.sql<Record<string, string>>(
      `select s.id as session, s.agent_id as agent, encode(s.hash, 'hex') as hash, b.workspace_id as workspace,
         b.version_id as version
       from agent_sessions s
       join builds b on b.workspace_id = s.workspace_id
       order by s.id
       limit 1`,
    );
    return row!;
  };
  it('the look for sessions reads those that are asked for', async () => {
    const { hash } = await one();
    expect(await plans.touched('findAgentSessions', { hashes: `{"\\\\x${hash}"}` })).toEqual({
      ...{ agent_sessions: 1, workspaces: 1 },
    });
  });

  it('the look for owners reads those that are asked for', async () => {
    const { session = '' } = await one();
    const { agent_sessions: sessions, ...others } = await plans.touched('findAgentOwners', {
      sessionIds: `{${session}}`,
    });
    // Its own, and whether there is a later one.
    expect(sessions).toBeLessThanOrEqual(2);
    expect(others).toEqual({ workspaces: 1, agents: 1, users: 1, owner_values: 0 });
  });

  it('the exchange for a session reads the agent that it is of', async () => {
    const { workspace = '', hash = '' } = await one();
    await store.sql('begin');
    const { workspaces, agents } = await plans.touched('replaceAgentSessions', {
      ...{ workspaceIds: `{${workspace}}`, names: '{main}' },
      ...{ nextIds: `{${workspace}}`, nextHashes: `{"\\${reversed(hash)}"}` },
    });
    await store.sql('rollback');
    // Found, and locked.
    expect({ workspaces, agents }).toEqual({ workspaces: 1, agents: 1 });
  });

  it('the hand-over reads the session and the agent that it is of', async () => {
    const { session = '', agent = '', workspace = '', hash = '' } = await one();
    await store.sql('begin');
    const claimed = 'update workspaces set epoch = 1, owner_id = $2 where id = $1';
    await store.sql(claimed, [workspace, ann]);
    const { agent_sessions: sessions, ...others } = await plans.touched('handOverAgentSessions', {
      ...{ sessionIds: `{${session}}`, agentIds: `{${agent}}`, workspaceIds: `{${workspace}}` },
      ...{ nextIds: `{${workspace}}`, nextHashes: `{"\\${reversed(hash)}"}` },
    });
    await store.sql('rollback');
    // Its own, whether there is a later one, and which to end.
    expect(sessions).toBeLessThanOrEqual(5);
    expect(others).toEqual({ workspaces: 1, agents: 1, users: 1, owner_values: 0 });
  });

  it('the call of an agent reads the agent that calls', async () => {
    const { hash } = await one();
    await store.sql('begin');
    const { agent_sessions: sessions, ...others } = await plans.touched('hearAgents', {
      ...{ hashes: `{"\\\\x${hash}"}`, lifecycles: '{created}' },
      ...{ appliedEpochs: '{0}', newestEpochs: '{0}' },
    });
    await store.sql('rollback');
    // Its own, and whether there is a later one.
    expect(sessions).toBeLessThanOrEqual(2);
    // Compared, renewed, and told of.
    expect(others).toEqual({ workspaces: 1, agents: 3, users: 1, owner_values: 0 });
  });

  it('what an agent newly says reads the agent that says it', async () => {
    const { agent = '' } = await one();
    await store.sql('begin');
    const { agents, pool_members: members = 0 } = await plans.touched('recordSignsOfLife', {
      ...{ agentIds: `{${agent}}`, lifecycles: '{created}' },
      ...{ appliedEpochs: '{1}', appliedOks: '{t}' },
    });
    await store.sql('rollback');
    // It once by each part of the statement.
    expect(agents).toBeLessThan(8);
    expect(members).toBeLessThan(8);
  });

  it('the proof of a claim reads the agents of its workspace', async () => {
    const { workspace = '', version = '' } = await one();
    const {
      agents,
      agent_sessions: sessions,
      builds,
      claims,
      workspaces,
    } = await plans.touched('confirmClaims', {
      workspaceIds: `{${workspace}}`,
      ...{ epochs: '{1}', versionIds: `{${version}}`, late: '{f}', eventIds: `{${workspace}}` },
    });
    expect({ agents, builds, claims, workspaces }).toEqual({
      ...{ agents: 1, workspaces: 1 },
      // The latest, and whether somebody has built on it.
      builds: 2,
      // Changed, and told of.
      claims: 2,
    });
    expect(sessions).toBeLessThanOrEqual(1);
  });

  it('the proof of a claim looks up who has waited for it', async () => {
    const { workspace = '', version = '' } = await one();
    await store.sql('begin');
    await store.sql(
      `insert into waiters (id, organization_id, template_id, pool_id, user_id, name, priority, parameters,
         automatic_updates, miss_reason, created_at, deadline_at)
       select gen_random_uuid(), organization_id, template_id, pool_id, $1, 'w' || row_number() over (), 0,
         '{}', 'never', 'empty', standby_now(), standby_now() + interval '1 hour'
       from workspaces`,
      [ann],
    );
    const { waiters = 0, claims } = await plans.touched('confirmClaims', {
      workspaceIds: `{${workspace}}`,
      ...{ epochs: '{1}', versionIds: `{${version}}`, late: '{t}', eventIds: `{${workspace}}` },
    });
    await store.sql('rollback');
    // Confirmed as well, for nobody was told of it in time.
    expect({ waiters, claims }).toEqual({ waiters: 0, claims: 3 });
  });
});
