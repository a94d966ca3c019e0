// What claims, and what pools do about them, are measured on: both programs, templates of the null driver,
// and the moments at which what pools did was committed, as PostgreSQL notes them.
import { createId } from '../../src/base/id.ts';
import { poolRoutes } from '../../src/contract/pool/route.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { FIRST_ORGANIZATION } from '../../src/people/bootstrap.ts';
import { archiveOf, manifestText } from '../../test/support/pushed-template.ts';
import type { Stage } from '../support/bench.ts';
import { startInstallation } from '../support/installation.ts';
import { waitUntilFull } from '../support/pool.ts';
import { connect, startPostgres, tellPostgres } from '../support/postgres.ts';
import type { Program } from '../../test/support/program.ts';
import { bodyOfCreated } from '../../test/support/created.ts';

export interface RefillGround {
  readonly daemon: Program;
  /** In the place of the one that was ended, and without settings of its own. */
  startDaemon(): Promise<Program>;
  /** A template whose presets are named `preset-1` and so on; `lines` go to its manifest's end. */
  push(template: PushedPools, ...lines: readonly string[]): Promise<void>;
  fill(template: string): Promise<void>;
  /** Gives the workspace's id. Throws unless there was one to take. */
  claim(template: string, preset: string): Promise<string>;
  resize(template: string, preset: string, instances: number): Promise<void>;
  /** The newest that the template's only pool did of a kind, with how much of it in one transaction. */
  last(template: string, kind: string): Promise<LastHappening | undefined>;
  /** What the template's pools did, in the order of the commits. */
  happenings(template: string, kinds: readonly string[]): Promise<readonly Happening[]>;
}

export interface PushedPools {
  readonly name: string;
  readonly presets: number;
  /** Of each. */
  readonly instances: number;
}

export interface Happening {
  readonly kind: string;
  readonly preset: string;
  readonly transaction: string;
  /** When it was committed. */
  readonly atMs: number;
}

export interface LastHappening extends Happening {
  readonly count: number;
}

/** Of an event `e`, which nobody changes: the transaction that wrote it is the one that did it. */
const COMMITTED_MS = 'extract(epoch from pg_xact_commit_timestamp(e.xmin))::float8 * 1000';
const FILL_POLL_MS = 100;

export async function layRefillGround(
  stage: Stage,
  settings: Readonly<Record<string, string>>,
  daemonSettings: Readonly<Record<string, string>> = {},
): Promise<RefillGround> {
  const connection = await startPostgres(stage, { track_commit_timestamp: 'on' });
  await tellPostgres(stage, connection);
  const given = { connection, daemonSettings };
  const installation = await startInstallation(stage, settings, given);
  const { client } = installation;
  const database = await connect(connection);
  stage.onEnd(() => database.end());
  return {
    daemon: installation.daemon,
    startDaemon: () => installation.startDaemon(),
    push: async ({ name, presets, instances }, ...lines) => {
      const listed = Array.from(
        { length: presets },
        (_, n) => `{ name: preset-${n + 1}, prebuilds: { instances: ${instances} } }`,
      );
      const manifest = manifestText(
        name,
        'claim: instant',
        `presets: [${listed.join(', ')}]`,
        ...lines,
      );
      await installation.push(name, archiveOf(manifest));
    },
    fill: (template) => waitUntilFull(stage, { client, template, pollMs: FILL_POLL_MS }),
    claim: async (template, preset) => {
      const answer = await client.call(workspaceRoutes.createWorkspace, {
        params: { organization: FIRST_ORGANIZATION },
        headers: { 'idempotency-key': createId(stage.kit) },
        body: { name: `claimed-${createId(stage.kit)}`, template, preset },
      });
      const { claimed, workspace } = bodyOfCreated(answer);
      if (!claimed) throw new Error(`${preset} of ${template} had nothing to take`);
      return workspace.id;
    },
    resize: async (template, preset, instances) => {
      await client.call(poolRoutes.changePool, {
        params: { organization: FIRST_ORGANIZATION, template, preset },
        query: {},
        body: { size: { instances } },
      });
    },
    last: async (template, kind) => {
      const { rows } = await database.query<LastHappening>(
        `select e.kind, l.preset_name as preset, e.xmin::text as transaction, ${COMMITTED_MS} as "atMs",
           (select count(*)::integer
             from pool_events same
             where same.pool_id = e.pool_id
               and same.at > e.at - interval '10 seconds'
               and same.xmin = e.xmin
               and same.kind = e.kind) as count
         from templates t
         join pools l on l.template_id = t.id
         cross join lateral (
           select *, xmin from pool_events where pool_id = l.id and kind = $2 order by at desc limit 1
         ) as e
         where t.name = $1`,
        [template, kind],
      );
      return rows[0];
    },
    happenings: async (template, kinds) => {
      const { rows } = await database.query<Happening>(
        `select e.kind, l.preset_name as preset, e.xmin::text as transaction,
           ${COMMITTED_MS} as "atMs"
         from templates t
         join pools l on l.template_id = t.id
         join pool_events e on e.pool_id = l.id
         where t.name = $1 and e.kind = any ($2)
         order by "atMs"`,
        [template, kinds],
      );
      return rows;
    },
  };
}
