// Two control planes on one database, of which the leader is killed, stopped for three lease times, cut
// off from the database and ended politely, while people claim. Whatever happens: no pool ever has more
// than its target, nothing that was claimed is touched, and the other one leads on.
//
// STANDBY_REPLICA_ROUNDS=20 does all of it twenty times.
import { beforeAll, describe, expect, it } from 'vitest';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { until } from '../support/until.ts';
import { createFleet, type Fleet } from '../support/fleet.ts';
import { findOvershoots, watchOvershoots } from '../support/overshoot-watch.ts';
import { findViolations } from '../support/pool-invariants.ts';
import { buildBin } from '../support/program.ts';

const ROUNDS = Number(process.env['STANDBY_REPLICA_ROUNDS'] ?? '1');
const PLANES = [0, 1] as const;
const SIZE = 4;
/** Of crash-world.ts. */
const LEASE_MS = 1_000;

beforeAll(buildBin);

describe('two control planes on one database', () => {
  it.each([
    ['every notice arrives', {}],
    // Each hears its own, and nothing of the other: as behind a proxy that lets everything through but
    // notices. They are taken away at the last step before the socket, so the connection lives and
    // answers, and nobody is told to look at everything, as after one that was cut.
    ['every notice is lost', { STANDBY_FAILPOINTS: 'notice.sent=drop' }],
  ])(
    'keep pools exact whatever becomes of the leader, and %s',
    { timeout: 60_000 + ROUNDS * 60_000 },
    async (_, environment) => {
      await using fleet = await createFleet({ planes: PLANES.length, environment });
      await watchOvershoots(fleet.store);
      await fleet.startDaemon();
      await fleet.push('claimed', { instances: SIZE, startMs: 50 });
      await fleet.push('quiet', { instances: SIZE, startMs: 50 });
      await full(fleet, 'quiet', SIZE);
      await using people = startPeople(fleet);
      for (let round = 0; round < ROUNDS; round++) {
        for (const harm of [kill, stop, cutOff, endPolitely]) {
          await people.claimSome();
          await harm(fleet);
        }
      }
      await people.claimSome();
      await people.leave();

      await full(fleet, 'claimed', SIZE);
      expect(await findOvershoots(fleet.store)).toEqual([]);
      expect(await findViolations(fleet.store)).toEqual([]);
      expect(await fleet.store.sql(TOUCHED)).toEqual([]);
    },
  );

  it('hand the lease over at once when the leader ends politely', async () => {
    // Longer than the test: nobody gets it by waiting for its end.
    const environment = { STANDBY_LEASE_TTL: '1h' };
    await using fleet = await createFleet({ planes: PLANES.length, environment });
    await fleet.startDaemon();
    await fleet.push('quiet', { instances: SIZE, startMs: 0 });
    await full(fleet, 'quiet', SIZE);
    const former = await leaderOf(fleet);
    expect(await fleet.plane(former.plane).end('SIGTERM')).toBe(0);
    await actsAsLeader(fleet, otherThan(former.plane));
  });
});

/** Deletes, and any other build, that the pool made of what somebody had. */
const TOUCHED = `
  select b.id
  from claims c
  join builds b on b.workspace_id = c.workspace_id and b.created_at > c.at
  join users u on u.id = b.initiator_id and u.is_system
  where c.outcome = 'hit'`;

async function kill(fleet: Fleet): Promise<void> {
  const { plane } = await leaderOf(fleet);
  await fleet.plane(plane).end('SIGKILL');
  await actsAsLeader(fleet, otherThan(plane));
  await fleet.restart(plane, 'SIGKILL');
}

async function stop(fleet: Fleet): Promise<void> {
  const { plane } = await leaderOf(fleet);
  const { child } = fleet.plane(plane);
  const [{ over }] = (await fleet.store.sql(
    `select (clock_timestamp() + make_interval(secs => $1))::text as over`,
    [(3 * LEASE_MS) / 1_000],
  )) as [{ over: string }];
  child.kill('SIGSTOP');
  await actsAsLeader(fleet, otherThan(plane));
  await until(async () =>
    expect(
      await fleet.store.sql('select where clock_timestamp() >= $1::timestamptz', [over]),
    ).toHaveLength(1),
  );
  child.kill('SIGCONT');
  await until(() => expect(fleet.plane(plane).said()).toContain('"lease.lost"'));
}

/** All connections of both, several times while they work. */
async function cutOff(fleet: Fleet): Promise<void> {
  for (let time = 0; time < 5; time++) {
    await until(async () => {
      const cut = await fleet.store.sql(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name like 'standby%'`,
      );
      expect(cut.length).toBeGreaterThan(PLANES.length);
    });
  }
  await actsAsLeader(fleet, (await leaderOf(fleet)).plane);
}

async function endPolitely(fleet: Fleet): Promise<void> {
  const { plane } = await leaderOf(fleet);
  await fleet.plane(plane).end('SIGTERM');
  await actsAsLeader(fleet, otherThan(plane));
  await fleet.restart(plane, 'SIGTERM');
}

/**
 * Changes the pool that nobody claims from, in silence: a pass alone can see it, and that plane has to
 * make it, for it leads. Under the pool's lock: no turn is under way that was decided before.
 */
async function actsAsLeader(fleet: Fleet, plane: number): Promise<void> {
  await until(async () => expect((await leaderOf(fleet)).plane).toBe(plane));
  const [changed] = await fleet.store.sql<{ size: number }>(
    `with locked as materialized (
       select l.id from pools l join templates t on t.id = l.template_id
       where t.name = 'quiet'
       for no key update of l
     )
     update presets set desired_instances = $1::integer - desired_instances
     from locked
     where presets.pool_id = locked.id
     returning desired_instances as size`,
    // From one size to the other and back.
    [SIZE + SIZE - 1],
  );
  if (changed === undefined) throw new Error('there is no quiet pool');
  // Not whether they are built: while a control plane is stopped, daemons may wait for its answers.
  await until(async () => {
    const wanted = await fleet.store.sql(
      `select from pool_members m
       join jobs j on j.id = m.job_id
       join pools l on l.id = m.pool_id
       join templates t on t.id = l.template_id
       where t.name = 'quiet'
         and m.transition = 'start'
         and j.status in ('pending', 'running', 'succeeded')`,
    );
    expect(wanted).toHaveLength(changed.size);
  });
}

function otherThan(plane: number): number {
  return PLANES.length - 1 - plane;
}

async function leaderOf(fleet: Fleet): Promise<{ readonly plane: number }> {
  const lastOf = (plane: number): string => {
    const program = fleet.plane(plane);
    const { exitCode, signalCode } = program.child;
    return `${exitCode ?? signalCode ?? 'lives'}: ${program.said().slice(-2_000)}`;
  };
  return until(async () => {
    const [lease] = await fleet.store.sql<{ holder: string }>(
      'select holder from leases where expires_at > clock_timestamp()',
    );
    if (lease === undefined) throw new Error(`nobody leads:\n${PLANES.map(lastOf).join('\n')}`);
    const plane = PLANES.find((one) => fleet.plane(one).said().includes(lease.holder));
    if (plane === undefined) throw new Error(`${lease.holder} is none of the control planes`);
    return { plane };
  });
}

async function full(fleet: Fleet, template: string, size: number): Promise<void> {
  await until(async () => {
    const members = await fleet.store.sql(
      `select from pool_members m
       join pools l on l.id = m.pool_id
       join templates t on t.id = l.template_id
       where t.name = $1 and m.ready`,
      [template],
    );
    expect(members).toHaveLength(size);
  });
}

interface People extends AsyncDisposable {
  /** Resolves once they have claimed some more. */
  claimSome(): Promise<void>;
  /** Resolves once each has the answer to what they asked last. */
  leave(): Promise<void>;
}

/** Two who claim one workspace after the other, and ask for each until the pool has one for them. */
function startPeople({ client, store }: Fleet): People {
  const over = new AbortController();
  const work = async (person: number): Promise<void> => {
    for (let n = 0; !over.signal.aborted; n++) {
      const name = `w${person}-${n}`;
      await until(async () => {
        const asked = {
          params: { organization: 'default' },
          headers: { 'idempotency-key': name },
          body: { name, template: 'claimed', on_empty: 'fail' as const },
        };
        const signal = AbortSignal.timeout(2_000);
        await client.call(workspaceRoutes.createWorkspace, asked, { signal });
      });
    }
  };
  const working = Promise.all([0, 1].map(work));
  // Told by `leave`.
  working.catch(() => undefined);
  const hits = async (): Promise<number> => {
    const claims = await store.sql(`select from claims where outcome = 'hit'`);
    return claims.length;
  };
  const leave = async (): Promise<void> => {
    over.abort();
    await working;
  };
  return {
    claimSome: async () => {
      const former = await hits();
      await until(async () => expect(await hits()).toBeGreaterThanOrEqual(former + 3));
    },
    leave,
    [Symbol.asyncDispose]: leave,
  };
}
