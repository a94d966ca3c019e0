// Many daemons and many jobs while two control planes on one database are killed and stopped by turns:
// every job ends once and in a right state, none is lost, none runs more often than it may, and pools
// are whole.
//
// CI has four daemons; STANDBY_CRASH_MATRIX=all has ten, and more than two hundred jobs.
import { beforeAll, describe, expect, it } from 'vitest';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { MAX_ATTEMPTS } from '../../src/domain/job/lost-attempt.ts';
import { IS_LONG } from '../support/chosen-cases.ts';
import { until } from '../support/until.ts';
import { createFleet, type Fleet } from '../support/fleet.ts';
import { findViolations } from '../support/pool-invariants.ts';
import { buildBin } from '../support/program.ts';
import { bodyOfCreated } from '../support/created.ts';

const { daemons, people, each, jobs } = IS_LONG
  ? { daemons: 10, people: 10, each: 14, jobs: 200 }
  : { daemons: 4, people: 4, each: 9, jobs: 60 };

beforeAll(buildBin);

describe('jobs while control planes restart', () => {
  it('end once, in a right state', { timeout: 600_000 }, async () => {
    await using fleet = await createFleet({
      planes: 2,
      environment: { STANDBY_JOB_DEAD_AFTER: '5s' },
    });
    await noteEnds(fleet);
    for (let i = 0; i < daemons; i += 1) await fleet.startDaemon();
    await fleet.push('sample', { instances: 4, startMs: 300 });

    const over = new AbortController();
    const restarting = restartByTurns(fleet, over.signal);
    const names = await Promise.all(
      Array.from({ length: people }, (_, person) => live(fleet, { person, count: each })),
    );
    over.abort();
    const restarts = await restarting;
    await settled(fleet);

    const ended = await fleet.store.sql<Job>(JOBS);
    process.stderr.write(
      `restarting planes: ${ended.length} jobs, ${daemons} daemons, ${restarts} restarts, ` +
        `${ended.filter(({ error_code }) => error_code !== null).length} attempts lost\n`,
    );
    expect(ended.length).toBeGreaterThanOrEqual(jobs);
    expect(ended.filter((job) => !isRight(job))).toEqual([]);
    expect(workedTwice(fleet)).toEqual([]);
    expect(await findViolations(fleet.store)).toEqual([]);
    expect(names.flat().sort()).toEqual(
      (await fleet.store.sql<{ name: string }>(PEOPLES)).map(({ name }) => name).sort(),
    );
    expect(fleet.daemons.map(({ child }) => child.exitCode)).toEqual(fleet.daemons.map(() => null));
  });
});

interface Job {
  readonly type: string;
  readonly transition: string | null;
  readonly status: string;
  readonly error_code: string | null;
  readonly attempt: number;
  /** How often it has ended, or changed afterwards. */
  readonly ends: number;
}

const JOBS = `
  select j.type, b.transition, j.status, j.error_code, j.attempt,
    (select count(*)::integer from job_ends e where e.job_id = j.id) as ends
  from jobs j left join builds b on b.job_id = j.id`;

const PEOPLES = `
  select w.name from workspaces w join users u on u.id = w.owner_id where not u.is_system`;

/** Of an attempt whose acquisition nobody heard of: the control plane that had it was killed. */
const LOST: readonly (string | null)[] = ['hung', 'daemon_lost'];

function isRight({ type, transition, status, error_code, attempt, ends }: Job): boolean {
  const mayRepeat = type !== 'workspace_build' || transition !== 'start';
  const isEnded = status === 'succeeded' || status === 'canceled' || LOST.includes(error_code);
  return isEnded && ends === 1 && attempt <= (mayRepeat ? MAX_ATTEMPTS : 1);
}

/** Has the database note whatever happens to a job that has ended. */
async function noteEnds({ store }: Fleet): Promise<void> {
  await store.sql('create table job_ends (job_id uuid not null)');
  await store.sql(`
    create function note_end() returns trigger language plpgsql as $$
    begin
      insert into job_ends values (new.id);
      return new;
    end $$`);
  await store.sql(`
    create trigger note_end after update of completed_at, succeeded, canceled_at, error, attempt
    on jobs for each row when (new.completed_at is not null) execute function note_end()`);
}

const TURNS = [
  [0, 'SIGKILL'],
  [1, 'SIGTERM'],
  [1, 'SIGKILL'],
  [0, 'SIGTERM'],
] as const;

/** Kills one and stops the other in order, by turns; each is back before the next goes. */
async function restartByTurns(fleet: Fleet, over: AbortSignal): Promise<number> {
  let restarts = 0;
  while (!over.aborted || restarts < TURNS.length) {
    const [plane, signal] = TURNS[restarts % TURNS.length]!;
    await fleet.restart(plane, signal);
    restarts += 1;
  }
  return restarts;
}

/** A person who makes workspaces one after the other and deletes every other one. Gives their names. */
async function live(
  { client }: Fleet,
  { person, count }: { readonly person: number; readonly count: number },
): Promise<readonly string[]> {
  const names: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const name = `w-${person}-${i}`;
    const workspace = await until(async () => {
      const answer = await client.call(workspaceRoutes.createWorkspace, {
        params: { organization: 'default' },
        headers: { 'idempotency-key': name },
        body: { name, template: 'sample' },
      });
      return bodyOfCreated(answer).workspace.id;
    });
    names.push(name);
    if (i % 2 === 0) continue;
    await until(async () => {
      const params = { workspace };
      await client.call(workspaceRoutes.deleteWorkspace, { params }).catch(() => undefined);
      const { body } = await client.call(workspaceRoutes.getWorkspace, { params, query: {} });
      expect(body.status).toBe('deleted');
    });
  }
  return names;
}

/** Nothing is under way, and the pool is full. */
async function settled({ store }: Fleet): Promise<void> {
  await until(async () => {
    expect(await store.sql('select id from jobs where completed_at is null')).toEqual([]);
    expect(await store.sql('select from pool_members where ready')).toHaveLength(4);
  });
}

/** Attempts that ended more than once, whichever daemon says so. */
function workedTwice(fleet: Fleet): readonly string[] {
  const attempts = fleet.daemons.flatMap((daemon) =>
    [...daemon.said().matchAll(/^.*"attempt\.ended".*$/gm)].map(([line]) => {
      const { jobId, attempt } = JSON.parse(line) as {
        readonly jobId: string;
        readonly attempt: number;
      };
      return `${jobId}/${attempt}`;
    }),
  );
  return attempts.filter((one, index) => attempts.indexOf(one) !== index);
}
