// What an agent costs its machine while nothing happens: memory, and how often it wakes and what it takes of a
// processor. The program and the shell agent, several of each at once, since they share pages.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { AgentManifest } from '../src/contract/agent/protocol.ts';
import { createFakeAgentServer } from '../test/support/fake-agent-server.ts';
import { buildBin } from '../test/support/program.ts';
import { defineBench, type Stage } from './support/bench.ts';
import { median, renderTable } from './support/figures.ts';

const EACH = 10;
/** By then it has begun, and waits as long as it will from then on. */
const SETTLE_MS = 25_000;
const WINDOW_SECONDS = 60;
const TICKS_PER_SECOND = 100;

/** As templates have it that say nothing. */
const MANIFEST: AgentManifest = {
  ...{ agent: 'main', workspace_id: '0199b2a4-7c3e-7abc-8def-0123456789ab' },
  ...{ startup: null, on_claim: null },
  ...{ startup_timeout_ms: 600_000, on_claim_timeout_ms: 60_000 },
  heartbeat_interval_ms: 20_000,
};

const KINDS = [
  { name: 'the agent', command: [process.execPath, 'dist/agent.mjs'] },
  { name: 'the shell agent', command: ['sh', 'dist/agent.sh'] },
] as const;

export const bench = defineBench({
  name: 'agent-memory',
  summary: `memory, wake-ups and processor time of ${EACH} idle agents of each kind; 90 s`,
  run: async (stage) => {
    buildBin();
    const kinds = await Promise.all(
      KINDS.map(async ({ name, command }) => ({
        name,
        agents: await Promise.all(Array.from({ length: EACH }, () => start(stage, command))),
      })),
    );
    await stage.kit.clock.sleep(SETTLE_MS, stage.signal);
    const before = await Promise.all(kinds.map(({ agents }) => Promise.all(agents.map(look))));
    await stage.kit.clock.sleep(WINDOW_SECONDS * 1_000, stage.signal);
    const after = await Promise.all(kinds.map(({ agents }) => Promise.all(agents.map(look))));
    const rows = kinds.map(({ name }, kind) => {
      const ends = after[kind] ?? [];
      const over = (of: (seen: Seen) => number): number =>
        median(ends.map((end, n) => of(end) - of(before[kind]?.[n] ?? end)));
      return [
        name,
        ...[median(ends.map(({ rss }) => rss)), median(ends.map(({ pss }) => pss))].map((kib) =>
          (kib / 1024).toFixed(1),
        ),
        String(over(({ calls }) => calls)),
        String(over(({ wakeUps }) => wakeUps)),
        String(over(({ ticks }) => ticks) * (1_000 / TICKS_PER_SECOND)),
      ];
    });
    stage.print();
    stage.print(
      renderTable([
        [
          'median of an agent',
          ...['RSS MiB', 'PSS MiB'],
          ...[`calls in ${WINDOW_SECONDS} s`, 'wake-ups', 'processor ms'],
        ],
        ...rows,
      ]),
    );
  },
});

interface RunningAgent {
  readonly pid: number;
  /** How often it has called so far. */
  readonly calls: () => number;
}

async function start(stage: Stage, [file, ...args]: readonly string[]): Promise<RunningAgent> {
  const server = await createFakeAgentServer(MANIFEST);
  stage.onEnd(() => server[Symbol.asyncDispose]());
  const folder = await mkdtemp(path.join(os.tmpdir(), 'standby-bench-'));
  stage.onEnd(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const child = spawn(file ?? '', args, {
    stdio: 'ignore',
    env: {
      PATH: process.env['PATH'],
      STANDBY_URL: server.url,
      STANDBY_AGENT_TOKEN: server.token,
      STANDBY_AGENT_NAME: 'main',
      STANDBY_AGENT_SCRIPT_DIR: folder,
    },
  });
  stage.onEnd(() => end(child));
  if (child.pid === undefined) throw new Error(`${file} cannot be started`);
  return { pid: child.pid, calls: () => server.heartbeats.length };
}

function end(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.on('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

interface Seen {
  /** In KiB, with those of the children that live. */
  readonly rss: number;
  readonly pss: number;
  readonly calls: number;
  /** With those of the children that have ended. */
  readonly ticks: number;
  /** Of the agent's own process, with its threads. */
  readonly wakeUps: number;
}

async function look({ pid, calls }: RunningAgent): Promise<Seen> {
  const family = [pid, ...(await childrenOf(pid))];
  const rollups = await Promise.all(family.map((one) => read(`/proc/${one}/smaps_rollup`)));
  const sum = (name: string): number =>
    rollups.reduce((total, text) => total + Number(kibOf(text, name)), 0);
  const stat = await read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = [11, 12, 13, 14].reduce((total, field) => total + Number(fields[field]), 0);
  return { rss: sum('Rss'), pss: sum('Pss'), calls: calls(), ticks, wakeUps: await wakeUpsOf(pid) };
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await read(`/proc/${pid}/task/${pid}/children`);
  return text.trim().split(' ').filter(Boolean).map(Number);
}

/** How often a thread of it gave its processor up to wait. */
async function wakeUpsOf(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const texts = await Promise.all(threads.map((one) => read(`/proc/${pid}/task/${one}/status`)));
  return texts.reduce(
    (total, text) => total + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1] ?? 0),
    0,
  );
}

function kibOf(text: string, name: string): string {
  return new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? '0';
}

/** A child may have ended meanwhile. */
function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
