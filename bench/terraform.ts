// Builds of Terraform through Standby against the same commands typed by hand: a module without
// resources, one that takes five seconds, and two of these at once.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { workspaceRoutes } from '../src/contract/workspace/route.ts';
import { FIRST_ORGANIZATION } from '../src/people/bootstrap.ts';
import { findTool } from '../src/provisioner/drivers/terraform/find-tool.ts';
import { archiveOf } from '../test/support/pushed-template.ts';
import { entry } from '../test/support/tar-bytes.ts';
import { defineBench, type Stage } from './support/bench.ts';
import { median, medianRatio, renderTable } from './support/figures.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { tellPostgres } from './support/postgres.ts';
import { interleave, samplesOf, type Arm } from './support/rounds.ts';
import { bodyOfCreated } from '../test/support/created.ts';

const ROUNDS = { rounds: 7, warmUps: 1 };

const MODULES = {
  empty: 'output "standby" { value = { greeting = "hello" } }\n',
  five: `resource "terraform_data" "machine" {
  provisioner "local-exec" { command = "sleep 5" }
}
`,
};
type Module = keyof typeof MODULES;

const CASES: readonly Case[] = [
  { name: 'no resources', module: 'empty', atOnce: 1 },
  { name: 'five seconds', module: 'five', atOnce: 1 },
  { name: 'five seconds, two at once', module: 'five', atOnce: 2 },
];

interface Case {
  readonly name: string;
  readonly module: Module;
  readonly atOnce: number;
}

export const bench = defineBench({
  name: 'terraform',
  summary: 'builds of Terraform through Standby against the same commands by hand; 6 min',
  run: async (stage) => {
    const found = await findTool(undefined, process.env);
    if (found.kind === 'missing') throw new Error(found.because);
    stage.print(`${found.tool.product} ${found.tool.version}`);
    const installation = await startInstallation(stage, { STANDBY_PROVISIONER_CONCURRENCY: '2' });
    await tellPostgres(stage, installation.connection);
    for (const module of ['empty', 'five'] as const) {
      const main = entry('main.tf', MODULES[module]);
      await installation.push(module, archiveOf(`name: ${module}\ndriver: terraform\n`, main));
    }
    const build = prepareBuilds(stage, installation);
    const arms = CASES.flatMap((each): readonly Arm<number>[] => [
      {
        name: byHand(each),
        run: () => timed(stage, each, () => type(found.tool.file, each.module)),
      },
      { name: throughStandby(each), run: () => timed(stage, each, () => build(each.module)) },
    ]);
    tell(stage, await interleave(stage, arms, ROUNDS));
  },
});

function byHand({ name }: Case): string {
  return `${name}, by hand`;
}

function throughStandby({ name }: Case): string {
  return `${name}, through Standby`;
}

/** Milliseconds until all that run at once have ended; what cleans up after them comes later. */
async function timed(
  { kit: { clock } }: Stage,
  { atOnce }: Case,
  run: () => Promise<() => Promise<void>>,
): Promise<number> {
  const startedMs = clock.monotonicMs();
  const cleanUps = await Promise.all(Array.from({ length: atOnce }, run));
  const tookMs = clock.monotonicMs() - startedMs;
  await Promise.all(cleanUps.map((cleanUp) => cleanUp()));
  return tookMs;
}

const exec = promisify(execFile);

/** The commands that the driver runs, in a new folder; gives what removes it. */
async function type(file: string, module: Module): Promise<() => Promise<void>> {
  const cwd = await mkdtemp(path.join(os.tmpdir(), 'standby-bench-'));
  await writeFile(path.join(cwd, 'main.tf'), MODULES[module]);
  const options = ['-json', '-no-color', '-input=false'];
  await exec(file, ['init', ...options], { cwd });
  await exec(file, ['plan', ...options, '-out=plan'], { cwd });
  await exec(file, ['apply', ...options, 'plan'], { cwd });
  return () => rm(cwd, { recursive: true });
}

/** From the request to the end of the build that it leads to, as a client sees them. */
function prepareBuilds(
  stage: Stage,
  { client }: Installation,
): (module: Module) => Promise<() => Promise<void>> {
  const { signal } = stage;
  let made = 0;
  const untilEnded = async (id: string): Promise<string> => {
    for (;;) {
      const { body } = await client.call(
        workspaceRoutes.getWorkspace,
        { params: { workspace: id }, query: { wait_ms: 30_000 } },
        { signal },
      );
      if (!['pending', 'running'].includes(body.latest_build.status)) return body.status;
    }
  };
  return async (module) => {
    const name = `bench-${++made}`;
    const answer = await client.call(workspaceRoutes.createWorkspace, {
      params: { organization: FIRST_ORGANIZATION },
      headers: { 'idempotency-key': name },
      body: { name, template: module },
    });
    const { id } = bodyOfCreated(answer).workspace;
    const status = await untilEnded(id);
    if (status !== 'running') throw new Error(`${name} is ${status}`);
    return async () => {
      await client.call(workspaceRoutes.deleteWorkspace, { params: { workspace: id } });
      await untilEnded(id);
    };
  };
}

function tell(stage: Stage, samples: ReadonlyMap<string, readonly number[]>): void {
  const rows = CASES.map((each) => {
    const hand = samplesOf(samples, byHand(each));
    const standby = samplesOf(samples, throughStandby(each));
    const added = median(standby.map((ms, round) => ms - (hand[round] ?? NaN)));
    return [
      each.name,
      ...[median(hand), median(standby), added].map((ms) => ms.toFixed(0)),
      medianRatio(standby, hand).toFixed(3),
    ];
  });
  const heads = ['ms, median of 7', 'by hand', 'through Standby', 'added', 'ratio'];
  stage.print();
  stage.print(renderTable([heads, ...rows]));
}
