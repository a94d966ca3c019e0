// Containers through Standby against the same calls of the engine by hand, until what runs in them
// answers: one by itself, and twenty at once. The engine is the bench's own.
import { workspaceRoutes } from '../src/contract/workspace/route.ts';
import { FIRST_ORGANIZATION } from '../src/people/bootstrap.ts';
import { volumeName, type Mark } from '../src/provisioner/drivers/docker/mark.ts';
import {
  describeContainer,
  planContainer,
} from '../src/provisioner/drivers/docker/plan-container.ts';
import { sampleWorkspace } from '../test/support/acquired-job.ts';
import { bodyOfCreated } from '../test/support/created.ts';
import { BUSYBOX, startTestEngine, type TestEngine } from '../test/support/docker-engine.ts';
import { dockerManifest, dockerSettings } from '../test/support/docker-home.ts';
import { freePort } from '../test/support/free-port.ts';
import { archiveOf } from '../test/support/pushed-template.ts';
import { createId } from '../src/base/id.ts';
import { defineBench, type Stage } from './support/bench.ts';
import { median, medianRatio, renderTable } from './support/figures.ts';
import { startInstallation, type Installation } from './support/installation.ts';
import { tellPostgres } from './support/postgres.ts';
import { interleave, samplesOf, type Arm } from './support/rounds.ts';

const CASES: readonly Case[] = [
  { name: 'one', atOnce: 1, rounds: 12 },
  { name: 'twenty at once', atOnce: 20, rounds: 3 },
];
const TEMPLATE = 'boxed';
/** What both sides run. */
const SETTINGS = dockerSettings();
/** How often whoever starts containers by hand looks whether one answers. */
const LOOK_MS = 10;

interface Case {
  readonly name: string;
  readonly atOnce: number;
  readonly rounds: number;
}

/** Resolves once it is ready, with what takes it away. */
type Create = () => Promise<() => Promise<void>>;

export const bench = defineBench({
  name: 'docker',
  summary:
    'containers through Standby until they are ready, against bare calls of the engine; 3 min',
  run: async (stage) => {
    const engine = await startTestEngine();
    stage.onEnd(() => engine.stop());
    const most = Math.max(...CASES.map(({ atOnce }) => atOnce));
    const installation = await startInstallation(stage, {
      STANDBY_DOCKER_HOST: engine.host,
      STANDBY_PROVISIONER_DRIVERS: 'docker',
      STANDBY_PROVISIONER_CONCURRENCY: String(most),
    });
    await tellPostgres(stage, installation.connection);
    await installation.push(TEMPLATE, archiveOf(MANIFEST));
    const bare = callByHand(stage, engine);
    const standby = askStandby(stage, installation);
    const rows: string[][] = [];
    for (const each of CASES) {
      const arms: readonly Arm<number>[] = [
        { name: 'bare', run: () => timed(stage, each, bare) },
        { name: 'standby', run: () => timed(stage, each, standby) },
      ];
      rows.push(rowOf(each, await interleave(stage, arms, { rounds: each.rounds, warmUps: 1 })));
    }
    const heads = ['ms until ready, median', 'bare calls', 'through Standby', 'ratio'];
    stage.print();
    stage.print(renderTable([heads, ...rows]));
  },
});

const MANIFEST = JSON.stringify({
  name: TEMPLATE,
  driver: 'docker',
  ready: { http: '/pid' },
  docker: {
    image: BUSYBOX,
    command: SETTINGS.command,
    ports: SETTINGS.ports,
    volumes: SETTINGS.volumes,
    limits: { processes: SETTINGS.limits.processes },
  },
});

/** Milliseconds until all that begin at once are ready; they are taken away later. */
async function timed({ kit: { clock } }: Stage, { atOnce }: Case, create: Create): Promise<number> {
  const startedMs = clock.monotonicMs();
  const removals = await Promise.all(Array.from({ length: atOnce }, create));
  const tookMs = clock.monotonicMs() - startedMs;
  await Promise.all(removals.map((remove) => remove()));
  return tookMs;
}

/** The same volume and the same container, and nothing else. */
function callByHand({ kit, signal }: Stage, { engine }: TestEngine): Create {
  return async () => {
    const workspace = sampleWorkspace({ id: createId(kit) });
    const port = await freePort();
    const build = {
      jobId: createId(kit),
      attempt: 1,
      template: {
        ...{ name: TEMPLATE, version_id: createId(kit), file_hash: '' },
        manifest: dockerManifest(),
      },
      workspace,
    };
    const mark: Mark = { daemon: 'nobody', workspaceId: workspace.id, madeBy: build };
    const volume = volumeName(workspace.id, 'data');
    await engine.createVolume(volume, {});
    const id = await engine.createContainer(
      `standby-${workspace.id}`,
      planContainer(build, {
        ...{ mark, settings: SETTINGS, image: BUSYBOX, publishAddress: '127.0.0.1' },
        own: describeContainer(build, SETTINGS, {
          ports: new Map([[8080, port]]),
          runtime: 'node',
        }),
      }),
    );
    await engine.startContainer(id);
    while (!(await answers(`http://127.0.0.1:${port}/pid`))) await kit.clock.sleep(LOOK_MS, signal);
    return async () => {
      await engine.removeContainer(id);
      await engine.removeVolume(volume);
    };
  };
}

function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** From the request until it is usable, as a client sees both. */
function askStandby(stage: Stage, { client }: Installation): Create {
  const { signal } = stage;
  const show = async (id: string) => {
    const called = { params: { workspace: id }, query: { wait_ms: 30_000 } };
    return (await client.call(workspaceRoutes.getWorkspace, called, { signal })).body;
  };
  let made = 0;
  return async () => {
    const name = `bench-${++made}`;
    const answer = await client.call(workspaceRoutes.createWorkspace, {
      params: { organization: FIRST_ORGANIZATION },
      headers: { 'idempotency-key': name },
      body: { name, template: TEMPLATE },
    });
    const { id } = bodyOfCreated(answer).workspace;
    let seen = await show(id);
    while (!seen.usable) {
      if (seen.status === 'failed') throw new Error(`${name}: its build failed`);
      seen = await show(id);
    }
    return async () => {
      await client.call(workspaceRoutes.deleteWorkspace, { params: { workspace: id } });
      while ((await show(id)).status !== 'deleted');
    };
  };
}

function rowOf({ name }: Case, samples: ReadonlyMap<string, readonly number[]>): string[] {
  const bare = samplesOf(samples, 'bare');
  const standby = samplesOf(samples, 'standby');
  return [
    name,
    ...[median(bare), median(standby)].map((ms) => ms.toFixed(0)),
    medianRatio(standby, bare).toFixed(2),
  ];
}
