// Agents as they are shipped, each beside a folder of scripts of its own, and what the tests of both kinds ask of them.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { removeTree } from '../../src/base/remove-tree.ts';
import type { AgentManifest } from '../../src/contract/agent/protocol.ts';
import type { FakeAgentServer } from './fake-agent-server.ts';
import { hasTool } from './tool.ts';

export const MANIFEST: AgentManifest = {
  agent: 'main',
  workspace_id: '0199b2a4-7c3e-7abc-8def-0123456789ab',
  startup: null,
  on_claim: './on-claim.sh',
  startup_timeout_ms: 30_000,
  on_claim_timeout_ms: 30_000,
  heartbeat_interval_ms: 500,
};

/** What the owner gives with a claim. */
export const GIVEN = {
  environment: [{ name: 'GREETING', value: "it's\ntwo $lines `and` \\ more" }],
  secrets: [{ name: 'token', value: 'ünsafe"\n' }],
  files: [
    { path: 'deep/er/blob', mode: '600', content: { base64: 'AAECgP9cCg==' } },
    {
      path: 'tool',
      mode: '750',
      content: { base64: Buffer.from('#!/bin/sh\n').toString('base64') },
    },
  ],
};

export type AgentCommand = readonly [string, ...string[]];

export const SHELL_AGENT = path.resolve('src/agent/agent.sh');

/** The shell agent by the shells of Debian and of small images, as far as this machine has them. */
export const SHELL_AGENTS = (
  [
    { name: 'the shell agent in dash', shell: 'dash', command: ['dash', SHELL_AGENT] },
    {
      name: 'the shell agent in busybox',
      shell: 'busybox',
      command: ['busybox', 'sh', SHELL_AGENT],
    },
  ] as const
).filter(({ shell }) => ['curl', shell].every(hasTool));

export interface AgentGround {
  readonly folder: string;
  script(name: string, text: string): Promise<void>;
  /** `inherited`: environment variables that it finds. */
  start(server: FakeAgentServer, inherited?: Readonly<Record<string, string>>): ChildProcess;
  /** A file of the folder; empty where there is none. */
  read(name: string): Promise<string>;
  /** Kills what still runs, and removes all. */
  end(): Promise<void>;
}

/** With an `on_claim` that keeps a list of the claims it ran for, in a file `claims`. */
export async function createAgentGround([file, ...parameters]: AgentCommand): Promise<AgentGround> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'standby-agent-'));
  const running: ChildProcess[] = [];
  const ground: AgentGround = {
    folder,
    script: async (name, text) => {
      await writeFile(path.join(folder, name), `#!/bin/sh\n${text}\n`);
      await chmod(path.join(folder, name), 0o755);
    },
    start: (server, inherited = {}) => {
      const child = spawn(file, parameters, {
        stdio: 'ignore',
        env: {
          PATH: process.env['PATH'],
          ...inherited,
          STANDBY_URL: server.url,
          STANDBY_AGENT_TOKEN: server.token,
          STANDBY_AGENT_NAME: 'main',
          STANDBY_AGENT_SCRIPT_DIR: folder,
        },
      });
      running.push(child);
      return child;
    },
    read: (name) => readFile(path.join(folder, name), 'utf8').catch(() => ''),
    end: async () => {
      for (const child of running) await killAgent(child);
      // What a killed one had just started may still write.
      await removeTree(folder);
    },
  };
  const listClaim = 'echo "$STANDBY_EPOCH $STANDBY_OWNER $STANDBY_OWNER_NAME" >> claims';
  await ground.script('on-claim.sh', listClaim);
  return ground;
}

/** Resolves once it has ended. */
export async function killAgent(
  child: ChildProcess,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}
