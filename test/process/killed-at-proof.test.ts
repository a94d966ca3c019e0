// A control plane is killed when the agents of what it took for somebody have answered, and before it told them.
// Whoever asks again with the same key gets that very workspace, from the other control plane and from this one
// once it is back; who does not ask again has it all the same, and it is in nobody's way.
import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBootstrapTokens } from '../../src/base/bootstrap-token.ts';
import type { WorkspaceId } from '../../src/base/id.ts';
import type { Client } from '../../src/client/client.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import type { CreateWorkspaceAnswer } from '../../src/contract/workspace/schema.ts';
import { kill } from '../support/claiming-replicas.ts';
import { bodyOfCreated } from '../support/created.ts';
import { createFleet, type Fleet } from '../support/fleet.ts';
import { findViolations } from '../support/pool-invariants.ts';
import { buildBin } from '../support/program.ts';
import { buildPrograms, type Programs } from '../support/programs.ts';
import { TEST_SECRET_KEY } from '../support/store.ts';
import { makeTemporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

let programs: Programs;
const bootstrapTokens = createBootstrapTokens(TEST_SECRET_KEY);

beforeAll(async () => {
  buildBin();
  programs = await buildPrograms();
});
afterAll(() => programs.remove());

/** The control plane that dies, and the one that lives. */
const [MORTAL, OTHER] = [0, 1];

const ENVIRONMENT = {
  // At its first passing: each control plane once in a life.
  STANDBY_FAILPOINTS: 'claim.proven=kill@1',
  // However busy the machine is, agents that live are heard.
  STANDBY_CLAIM_PROOF_TIMEOUT: '30s',
};

describe('a control plane that is killed between the proof and the answer', () => {
  it.each(['instant', 'apply'] as const)(
    'has given the workspace to who asked, with claim: %s',
    async (claim) => {
      await using fleet = await createFleet({ planes: 2, environment: ENVIRONMENT });
      await using folder = await makeTemporaryFolder();
      await fleet.startDaemon();
      await fleet.push('proven', { instances: 2, startMs: 0, claim, agent: 'main' });
      const prebuilds = await membersOf(fleet, 2);
      const agents = prebuilds.map((id) => startAgent(fleet, id, path.join(folder.path, id)));
      try {
        await untilReady(fleet, prebuilds);
        const mortal = fleet.clientOf(MORTAL, { token: fleet.token });
        await expect(ask(mortal)).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' });
        await until(() => expect(fleet.plane(MORTAL).child.signalCode).toBe('SIGKILL'));

        const other = fleet.clientOf(OTHER, { token: fleet.token });
        const { claimed, workspace } = await ask(other);
        expect(claimed).toBe(true);
        expect(prebuilds).toContain(workspace.id);
        await fleet.restart(MORTAL, 'SIGKILL');
        const { workspace: same } = await ask(mortal);
        expect(same.id).toBe(workspace.id);
        // It was handed over once, whoever asked how often, and works for who asked.
        await until(async () => {
          const params = { workspace: workspace.id };
          const asked = { params, query: {} };
          const { body } = await other.call(workspaceRoutes.getWorkspace, asked);
          expect(body).toMatchObject({ usable: true, epoch: 1, owner: 'admin', name: 'mine' });
        });
        expect(
          await fleet.store.sql('select outcome, epoch, workspace_id as id from claims'),
        ).toEqual([{ outcome: 'hit', epoch: 1, id: workspace.id }]);
        // What was not taken is still the pool's to give, and what was is made up for.
        const [left] = prebuilds.filter((id) => id !== workspace.id);
        await until(async () => expect(await membersOf(fleet, 2)).toContain(left));
        expect(await findViolations(fleet.store)).toEqual([]);
      } finally {
        for (const agent of agents) await kill(agent);
      }
    },
  );
});

async function ask(client: Client): Promise<CreateWorkspaceAnswer> {
  const asked = {
    params: { organization: 'default' },
    headers: { 'idempotency-key': 'once' },
    body: { name: 'mine', template: 'proven', on_empty: 'fail' as const },
  };
  return bodyOfCreated(await client.call(workspaceRoutes.createWorkspace, asked));
}

/** Those of the pool that run, once there are so many. */
function membersOf({ store }: Fleet, count: number): Promise<readonly WorkspaceId[]> {
  return until(async () => {
    const members = await store.sql<{ id: WorkspaceId }>(
      'select workspace_id as id from pool_members where running_since is not null',
    );
    expect(members).toHaveLength(count);
    return members.map(({ id }) => id);
  });
}

/** It calls the control plane that lives on. */
function startAgent(fleet: Fleet, workspaceId: WorkspaceId, folder: string): ChildProcess {
  const env = {
    ...{ PATH: process.env['PATH'], STANDBY_AGENT_NAME: 'main' },
    STANDBY_URL: fleet.urlOf(OTHER),
    STANDBY_AGENT_TOKEN: bootstrapTokens.issue(workspaceId),
    STANDBY_AGENT_SCRIPT_DIR: path.dirname(folder),
    STANDBY_AGENT_STATE_DIR: folder,
  };
  return spawn(process.execPath, [programs.agent], { stdio: 'ignore', env });
}

async function untilReady({ store }: Fleet, prebuilds: readonly WorkspaceId[]): Promise<void> {
  await until(async () => {
    const ready = await store.sql(
      'select from pool_members where ready and workspace_id = any ($1)',
      [prebuilds],
    );
    expect(ready).toHaveLength(prebuilds.length);
  });
}
