// The agents as they are shipped against the real API: what an owner gives reaches the workspace.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAgentAuthentication, createAgentHandlers } from '../../../src/api/agent/handlers.ts';
import { createApi } from '../../../src/api/http/api.ts';
import { createHttpServer, type HttpServer } from '../../../src/api/http/server.ts';
import { createBootstrapTokens } from '../../../src/base/bootstrap-token.ts';
import type { UserId, WorkspaceId } from '../../../src/base/id.ts';
import { createTestCreator } from '../../support/creator.ts';
import { NO_WAITING } from '../../support/created.ts';
import { createFactory, type Factory, type TestPool } from '../../support/factory.ts';
import { buildPrograms, type Programs } from '../../support/programs.ts';
import { createQueue, type TestQueue } from '../../support/queue.ts';
import { makeReady } from '../../support/ready-prebuild.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';
import { makeTemporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts';
import { hasTool } from '../../support/tool.ts';
import { until } from '../../support/until.ts';

type Command = readonly [string, ...string[]];

const SECRET = 'pä"ss\\0word\n ';
const SHELL_AGENT = path.resolve('src/agent/agent.sh');
const bootstrapTokens = createBootstrapTokens(Buffer.alloc(32));

let store: TestStore;
let make: Factory;
let queue: TestQueue;
let programs: Programs;
let server: HttpServer;
let agents: ChildProcess[] = [];
let folder: TemporaryFolder;

beforeAll(async () => {
  programs = await buildPrograms();
  store = await openTestStore();
  make = createFactory(store);
  queue = createQueue(store, make);
  const { kit } = store;
  const authentication = createAgentAuthentication({ ...queue.deps.agents, bootstrapTokens });
  const nobody = (): Promise<undefined> => Promise.resolve(undefined);
  const api = createApi(kit, {
    handlers: createAgentHandlers(queue.deps, {
      ...{ heartbeatIntervalMs: 20_000, pollMs: 50 },
      readShellAgent: () => readFile(SHELL_AGENT, 'utf8'),
    }),
    authenticators: {
      ...{ person: nobody, provisioner: nobody, metrics: nobody },
      agent: (token) => authentication.authenticateAgent(token),
      agent_bootstrap: (token) => authentication.authenticateAgentBootstrap(token),
    },
    eventStreams: { maxPerCaller: 1 },
  });
  server = createHttpServer(kit, api, { host: '127.0.0.1', port: 0 });
  await server.start();
});

beforeEach(async () => {
  folder = await makeTemporaryFolder();
  agents = [];
});

afterEach(async () => {
  for (const agent of agents) {
    const exited = once(agent, 'exit');
    agent.kill();
    await exited;
  }
  await folder[Symbol.asyncDispose]();
});

afterAll(async () => {
  await server.stop('the test is over', 10_000);
  await store.close();
  await programs.remove();
});

async function poolOf(names: readonly string[]): Promise<{ pool: TestPool; ann: UserId }> {
  const organizationId = await make.organization();
  const manifest = {
    claim: 'instant',
    agents: names.map((name) => ({
      ...{ name, startup: null, on_claim: './on-claim.sh' },
      ...{ startup_timeout_seconds: 60, on_claim_timeout_seconds: 60 },
    })),
  } as const;
  const template = await make.template({ organizationId, manifest });
  return { pool: await make.pool(template), ann: await make.user({ organizationId }) };
}

function start(
  [file, ...parameters]: Command,
  run: { readonly workspaceId: WorkspaceId; readonly name: string },
): void {
  const agent = spawn(file, parameters, {
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      STANDBY_URL: server.address().url,
      STANDBY_AGENT_TOKEN: bootstrapTokens.issue(run.workspaceId),
      STANDBY_AGENT_NAME: run.name,
      STANDBY_AGENT_SCRIPT_DIR: folder.path,
      STANDBY_AGENT_STATE_DIR: path.join(folder.path, `agent-${run.name}`),
    },
  });
  agents.push(agent);
}

const SHIPPED: readonly (readonly [which: string, tools: readonly string[], () => Command])[] = [
  ['the program', [], () => [process.execPath, programs.agent]],
  ['the one for sh and curl', ['curl'], () => ['sh', SHELL_AGENT]],
];

describe.each(SHIPPED.filter(([, tools]) => tools.every(hasTool)))(
  'an agent, %s,',
  (_which, _tools, command) => {
    it('brings what the owner gave to each of the agents once, and then it is gone', async () => {
      const script = path.join(folder.path, 'on-claim.sh');
      await writeFile(
        script,
        '#!/bin/sh\n. "$STANDBY_OWNER_DIR/environment"\n{ echo "$STANDBY_OWNER_NAME $STAGE"; cat "$STANDBY_OWNER_DIR/secrets/token"; } >> "$STANDBY_OWNER_DIR/../seen"\n',
        { mode: 0o755 },
      );
      const names = ['main', 'side'];
      const { pool, ann } = await poolOf(names);
      const [workspaceId] = (await makeReady(store, make, { pool, count: 1 })) as [WorkspaceId];
      for (const name of names) {
        await make.agent(workspaceId, { name, kind: 'program' });
        start(command(), { workspaceId, name });
      }
      const ready = `select from agents where workspace_id = $1 and lifecycle = 'ready'`;
      await until(async () => expect(await store.sql(ready, [workspaceId])).toHaveLength(2));
      const [row] = await store.sql<{ name: string }>(
        'select name from organizations where id = $1',
        [pool.organizationId],
      );
      const values = { environment: { STAGE: "it's" }, secrets: { token: SECRET }, files: [] };
      const claimed = await createTestCreator(queue.deps)(
        { userId: ann, isAdmin: false },
        {
          ...{ organization: row?.name ?? '', template: pool.name, name: 'demo' },
          ...{
            preset: pool.presetName,
            parameters: {},
            onEmpty: 'fail',
            idempotencyKey: undefined,
          },
          ...{ ...NO_WAITING, values },
        },
      );
      expect(claimed).toMatchObject({ workspaceId });
      const kept = 'select from owner_values where workspace_id = $1';
      await until(async () => expect(await store.sql(kept, [workspaceId])).toEqual([]));
      const [owner] = await store.sql<{ name: string }>(
        'select display_name as name from users where id = $1',
        [ann],
      );
      for (const name of names) {
        const seen = await readFile(path.join(folder.path, `agent-${name}`, 'seen'), 'utf8');
        expect(seen).toBe(`${owner?.name} it's\n${SECRET}`);
      }
      expect(
        await store.sql('select lifecycle, applied_epoch from agents where workspace_id = $1', [
          workspaceId,
        ]),
      ).toEqual(names.map(() => ({ lifecycle: 'ready', applied_epoch: 1 })));
    });
  },
);

describe('the agent for sh and curl', () => {
  it('can be had from the control plane', async () => {
    const answer = await fetch(new URL('/agent.sh', server.address().url));
    expect(answer.headers.get('content-type')).toBe('text/x-shellscript; charset=utf-8');
    expect(await answer.text()).toBe(await readFile(SHELL_AGENT, 'utf8'));
  });
});
