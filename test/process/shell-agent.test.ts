// What the shell agent alone has to see to: it has variables that programs inherit, and runs scripts by a worker of its
// own, which may be killed by itself.
import type { ChildProcess } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identifyProcess } from '../../src/base/process-identity.ts';
import {
  createAgentGround,
  GIVEN,
  killAgent,
  MANIFEST,
  SHELL_AGENT,
  SHELL_AGENTS,
  type AgentGround,
} from '../support/agent-ground.ts';
import { createFakeAgentServer, type FakeAgentServer } from '../support/fake-agent-server.ts';
import { until } from '../support/until.ts';

let ground: AgentGround;

const FAILED = { lifecycle: 'start_error', applied_epoch: 1 };

/** Of the process that wrote its number to the file `child`. */
async function childPid(): Promise<number> {
  await until(async () => expect(await ground.read('child')).toMatch(/^\d+\n$/));
  return Number(await ground.read('child'));
}

describe.each(SHELL_AGENTS)('$name', ({ command }) => {
  beforeEach(async () => {
    ground = await createAgentGround(command);
  });
  afterEach(() => ground.end());

  it('tells its scripts none of its own variables, whatever its environment had', async () => {
    await ground.script('on-claim.sh', 'env > seen');
    const text = await readFile(SHELL_AGENT, 'utf8');
    const own = new Set(
      Array.from(text.matchAll(/(?<![%\w])([a-z_]+)=/g), ([, name]) => name ?? ''),
    );
    expect([...own]).toEqual(expect.arrayContaining(['token', 'session', 'owner']));
    await using server = await createFakeAgentServer(MANIFEST);
    ground.start(server, Object.fromEntries(Array.from(own, (name) => [name, 'inherited'])));
    server.claim('ann', GIVEN);
    await until(() => expect(server.heartbeats.at(-1)?.applied_epoch).toBe(1));
    const seen = await ground.read('seen');
    expect(seen).toContain('STANDBY_EPOCH=1');
    expect(seen).not.toMatch(/sba_bootstrap|sbs_/);
    expect(seen.split('\n').filter((line) => own.has(line.split('=')[0] ?? ''))).toEqual([]);
  });

  it('counts a hand-over as failed when the worker that runs it is killed, and ends its script', async () => {
    await ground.script('on-claim.sh', 'echo $$ > child; kill -9 "$PPID"; exec sleep 600');
    await using server = await createFakeAgentServer(MANIFEST);
    ground.start(server);
    server.claim('ann');
    const pid = await childPid();
    await until(() => expect(server.heartbeats.at(-1)).toMatchObject(FAILED));
    await until(() => expect(identifyProcess(pid)).toBeUndefined());
  });
});

// Busybox asks for no program that it is itself.
describe.each(SHELL_AGENTS.filter(({ shell }) => shell === 'dash'))(
  '$name, whose worker is killed before its script has a group of its own,',
  ({ command }) => {
    const GONE = '[ "$(cut -d " " -f 4 /proc/$$/stat)" != "$PPID" ]';

    beforeEach(async () => {
      ground = await createAgentGround(command);
      await ground.script('on-claim.sh', ': > begun; exec sleep 600');
    });
    afterEach(() => ground.end());

    /** Does `text` in the script's process before it has a group. */
    async function startWithLate(server: FakeAgentServer, text: string): Promise<ChildProcess> {
      await ground.script('setsid', `echo $$ > child; ${text}; PATH=\${PATH#*:} exec setsid "$@"`);
      return ground.start(server, { PATH: `${ground.folder}:${process.env['PATH'] ?? ''}` });
    }

    it('begins no script once it knows', async () => {
      await using server = await createFakeAgentServer(MANIFEST);
      await startWithLate(server, 'kill -9 "$PPID"; until [ -e known ]; do sleep 0.01; done');
      server.claim('ann');
      await until(() => expect(server.heartbeats.at(-1)).toMatchObject(FAILED));
      const pid = await childPid();
      await writeFile(path.join(ground.folder, 'known'), '');
      await until(() => expect(identifyProcess(pid)).toBeUndefined());
      expect(await readdir(ground.folder)).not.toContain('begun');
    });

    it('ends a script that has begun, although the worker could not note it', async () => {
      await using server = await createFakeAgentServer({
        ...MANIFEST,
        heartbeat_interval_ms: 60_000,
      });
      const unnoted = 'rm -f .standby-agent/.run.*/group.*';
      await startWithLate(server, `kill -9 "$PPID"; until ${GONE}; do :; done; ${unnoted}`);
      server.claim('ann');
      await until(async () => expect(await readdir(ground.folder)).toContain('begun'));
      // The agent looks after its worker between two calls.
      server.cut();
      await until(() => expect(server.heartbeats.at(-1)).toMatchObject(FAILED));
      const pid = await childPid();
      await until(() => expect(identifyProcess(pid)).toBeUndefined());
    });

    it('begins no script while it is stopped', async () => {
      await using server = await createFakeAgentServer(MANIFEST);
      const agent = await startWithLate(server, `until ${GONE}; do sleep 0.01; done`);
      server.claim('ann');
      const pid = await childPid();
      await killAgent(agent, 'SIGTERM');
      expect(identifyProcess(pid)).toBeUndefined();
      expect(await readdir(ground.folder)).not.toContain('begun');
    });
  },
);
