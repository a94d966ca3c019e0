// A whole system in one process: two control planes on one database, two daemons of the null driver that
// reach them by the real protocol, and people who do, too. What goes wrong is drawn from the seed.
import path from 'node:path';
import { createToken } from '../../../src/base/token.ts';
import type { PoolId } from '../../../src/base/id.ts';
import { createClient, type Client } from '../../../src/client/client.ts';
import { bootstrapInstallation, FIRST_ORGANIZATION } from '../../../src/people/bootstrap.ts';
import { createFactory } from '../factory.ts';
import { createSeeded, type Seeded } from '../seeded.ts';
import type { TestStore } from '../store.ts';
import { createActivity, type Activity } from './activity.ts';
import { startSimulatedDaemon, type SimulatedDaemon } from './daemon.ts';
import { turnDials, type Dials } from './dials.ts';
import { readFacts, type Facts } from './fact.ts';
import type { Home } from './home.ts';
import { createLine, type Line } from './network.ts';
import { startReplica, type Replica } from './replica.ts';
import { createSimulatedTime, type SimulatedTime } from './time.ts';
import { createWatchfulLog } from './watchful-log.ts';

export interface SimulatedTemplate {
  readonly name: string;
  readonly preset: string;
  readonly poolId: PoolId;
}

/** A request for a workspace by its name, which is its idempotency key too. */
export interface Wish {
  readonly name: string;
  readonly template: SimulatedTemplate;
  readonly onEmpty: 'create' | 'fail' | 'wait';
  /** Of one that waits. */
  readonly place?: { readonly priority: number; readonly timeoutSeconds: number };
}

export interface World extends AsyncDisposable {
  readonly store: TestStore;
  readonly random: Seeded;
  readonly activity: Activity;
  readonly time: SimulatedTime;
  readonly replicas: readonly Replica[];
  readonly daemons: readonly SimulatedDaemon[];
  /** Of an administrator, by the network. */
  readonly client: Client;
  readonly templates: readonly SimulatedTemplate[];
  /** Answered with a workspace, by name. */
  readonly served: Map<string, Wish & { readonly workspaceId: string }>;
  /** The names of those whose workspaces were, perhaps, given back. */
  readonly givenBack: Set<string>;
  /** Answered with a place in line, by name. */
  readonly inLine: Map<string, Wish & { readonly waiterId: string }>;
  /** The names of those who were said to wait no longer. */
  readonly leaving: Set<string>;
  /** Sent and not answered: nobody knows whether it was served. */
  unanswered: readonly Wish[];
  wishes: number;
  /** By name, of those who would wait. */
  readonly priorities: Map<string, number>;
  /** Prebuilds that broke while they were the pool's. */
  readonly broken: Set<string>;
  /** Every start fails. */
  isTemplateBad: boolean;
  dials: Dials;
  /** As they were at the last look. */
  facts: Facts;
  /** As they were at the last look at which nothing was under way. */
  quietFacts: Facts;
  /** What must not have happened, as it was noticed. */
  readonly findings: string[];
}

export const ORGANIZATION = FIRST_ORGANIZATION;
const FAILED_BUILDS = 0.1;
const SECOND = 1_000;
/** As many as those who wait may have a pool keep. */
const CEILING = 4;
/** How long a start takes, by version. */
const START_SECONDS = [0, 5];

export async function createWorld(home: Home, seed: number): Promise<World> {
  const { store } = home;
  const random = createSeeded(seed);
  // Of its own, so that what happens next does not hang on who asked first.
  const dice = createSeeded(seed + 1);
  const findings: string[] = [];
  const log = createWatchfulLog((what) => findings.push(what));
  const activity = createActivity();
  const time = createSimulatedTime(store, random);
  let dials = turnDials(random);
  const getDials = (): Dials => dials;

  const adminToken = createToken(store.kit.rng, 'sbt').secret;
  const key = createToken(store.kit.rng, 'sbp').secret;
  await bootstrapInstallation(store, { adminToken, provisionerKey: key });
  const templates = await createTemplates(store);

  const common = { time, activity, log, dice, dials: getDials, keyring: store.keyring };
  const replicas: Replica[] = [];
  for (const database of home.databases) replicas.push(await startReplica({ ...common, database }));
  const newLine = (): Line => createLine({ ...common, replicas });
  const daemons: SimulatedDaemon[] = [];
  for (const n of [0, 1]) {
    const folder = path.join(home.folder, `daemon-${n}`);
    const doesFail = (transition: 'start' | 'delete'): boolean =>
      (transition === 'start' && world.isTemplateBad) || dice.chance(FAILED_BUILDS);
    daemons.push(
      await startSimulatedDaemon({ ...common, folder, key, createLine: newLine, doesFail }),
    );
  }
  const { fetch } = newLine();
  const facts = await readFacts(store);
  const world: World = {
    ...{ store, random, activity, time, replicas, daemons, templates, findings },
    client: createClient({
      url: 'http://control-plane.simulated',
      token: adminToken,
      fetch,
      clock: time.createClock(),
    }),
    served: new Map(),
    givenBack: new Set(),
    inLine: new Map(),
    leaving: new Set(),
    unanswered: [],
    wishes: 0,
    priorities: new Map(),
    broken: new Set(),
    facts,
    quietFacts: facts,
    isTemplateBad: false,
    get dials() {
      return dials;
    },
    set dials(turned) {
      dials = turned;
    },
    [Symbol.asyncDispose]: async () => {
      for (const daemon of daemons) await daemon.end();
      for (const replica of replicas) await replica.end();
      await activity.quiet();
    },
  };
  return world;
}

/** One pool of each kind, each in two versions that are equally good and not equally fast. */
async function createTemplates(store: TestStore): Promise<readonly SimulatedTemplate[]> {
  const make = createFactory(store);
  const [organization] = await store.sql<{ id: string }>(
    'select id from organizations where name = $1',
    [ORGANIZATION],
  );
  const organizationId = organization!.id as Parameters<typeof make.template>[0]['organizationId'];
  const templates: SimulatedTemplate[] = [];
  for (const [n, claim] of (['apply', 'instant'] as const).entries()) {
    const [slow, fast] = START_SECONDS.map((seconds) => ({
      start_seconds: seconds,
      start_error: null,
    }));
    const template = await make.template({
      organizationId,
      manifest: { claim, driver: 'null', null: slow ?? null },
    });
    const first = await make.pool(template, { desired: 2 + n });
    const second = await make.version({
      ...template,
      manifest: { ...template.manifest, null: fast ?? null },
    });
    await store.sql(
      'update jobs set completed_at = standby_now(), succeeded = true where id = $1',
      [second.jobId],
    );
    await make.pool(
      { ...first, versionId: second.versionId },
      { name: first.presetName, desired: 3 },
    );
    templates.push({ name: template.name, preset: first.presetName, poolId: first.poolId });
  }
  await store.sql('update presets set max_instances = $1', [CEILING]);
  return templates;
}

/** As if nobody had missed a look until now: silence may be judged. */
export async function judgeSilence({ store }: Pick<World, 'store'>): Promise<void> {
  await store.sql("update watches set last_at = standby_now(), judging_from = '-infinity'");
}

/** Long enough for every job that nobody works on to be given up. */
export async function outwaitSilence(world: World): Promise<void> {
  await judgeSilence(world);
  for (let seconds = 0; seconds < 100; seconds += 20) {
    await world.time.leap(20 * SECOND);
    await world.activity.quiet();
  }
}
