// A soak of churn: two control planes, two daemons of the null driver and their PostgreSQL as processes, people who
// claim from three pools and give back, and one harm after the other: kills, stops, cut connections, all of it at
// once. At last more ask at once than there are prebuilds, and nothing is harmed. What people meant and were told is in
// a file, and a checker compares it with the database afterwards.
//
// STANDBY_SOAK_CLAIMS=200000 does as many, or what STANDBY_SOAK_MINUTES leave time for: what several runs found adds up.
// Without, each harm happens once, for about a minute. STANDBY_SOAK_SEED has people choose otherwise.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { createFleet, type Fleet } from '../support/fleet.ts';
import { findViolations } from '../support/pool-invariants.ts';
import { buildBin } from '../support/program.ts';
import { createSeeded } from '../support/seeded.ts';
import { findFaults } from '../support/soak/check.ts';
import { HARMS } from '../support/soak/harm.ts';
import { openHistory, readHistory } from '../support/soak/history.ts';
import { startPeople } from '../support/soak/people.ts';
import { readRecord } from '../support/soak/record.ts';
import { startTestServer } from '../support/test-server.ts';
import { until } from '../support/until.ts';

const CLAIMS = Number(process.env['STANDBY_SOAK_CLAIMS'] ?? '0');
const MINUTES = Number(process.env['STANDBY_SOAK_MINUTES'] ?? 'Infinity');
/** Between two harms; where many claims are wanted, recovering from harm would take most of the time. */
const SERVED_BETWEEN = CLAIMS === 0 ? 30 : Math.max(400, Math.round(CLAIMS / 100));
/** For whom there is nothing in the last round. */
const TOO_MANY = 20;
const PLANES = 2;
const DAEMONS = 2;
const POOLS = {
  large: { instances: 100, startMs: 0, claim: 'instant' },
  applied: { instances: 30, startMs: 0, claim: 'apply' },
  small: { instances: 6, startMs: 20, claim: 'instant' },
} as const;
/** As many of each as its pool can serve. */
const ASKED_FOR = [...Array<string>(8).fill('large'), 'applied', 'applied', 'small'];

const ENVIRONMENT = {
  STANDBY_PROVISIONER_CONCURRENCY: '16',
  // What each says is kept in memory here.
  STANDBY_LOG_LEVEL: 'error',
};

beforeAll(buildBin);

it(
  'everybody keeps what they were told, whatever is killed',
  { timeout: 300_000 + CLAIMS * 100 },
  async () => {
    const scratch = await mkdtemp(path.join(os.tmpdir(), 'standby-soak-'));
    const file = path.join(scratch, 'history.jsonl');
    // An answered claim has to be on the disk, or with the kernel: nobody pulls the plug here.
    const server = await startTestServer({ synchronous_commit: 'on' });
    try {
      await using fleet = await createFleet({
        ...{ planes: PLANES, environment: ENVIRONMENT, server: server.connection },
      });
      for (let n = 0; n < DAEMONS; n++) await fleet.startDaemon();
      for (const [name, pool] of Object.entries(POOLS)) await fleet.push(name, pool);
      await full(fleet);

      await using history = await openHistory(file);
      await using people = await startPeople(fleet, {
        ...{ history, planes: PLANES, templates: ASKED_FOR, owners: 4, each: 8 },
        random: createSeeded(Number(process.env['STANDBY_SOAK_SEED'] ?? '1')),
      });
      const harms = Object.entries(HARMS);
      let done = 0;
      const beganMs = performance.now();
      const isOver = (): boolean =>
        history.claims >= CLAIMS || performance.now() - beganMs > MINUTES * 60_000;
      while (done < harms.length || !isOver()) {
        await people.served(SERVED_BETWEEN);
        const [name, harm] = harms[done % harms.length]!;
        if (CLAIMS > 0) {
          const at = new Date().toISOString();
          process.stderr.write(`${at} ${history.claims} of ${CLAIMS} claims; now: ${name}\n`);
        }
        await harm({ fleet, server, people, planes: PLANES }, Math.floor(done / harms.length));
        done += 1;
      }
      await people.served(SERVED_BETWEEN);
      await people.leave();
      await full(fleet);
      // Nobody is there to build more, so that what is given can be counted.
      for (const daemon of fleet.daemons) await daemon.end('SIGTERM');
      history.write({ kind: 'rush', ready: POOLS.large.instances });
      await people.rush('large', POOLS.large.instances + TOO_MANY);

      const workspaces = await readRecord(fleet.store.database);
      const faults = findFaults(await readHistory(file), workspaces);
      const claims = workspaces.reduce((sum, { handedOver }) => sum + handedOver.length, 0);
      const { given, refused, lost } = history.counts;
      const found =
        faults.length === 0
          ? `no fault: less than ${(3 / claims).toExponential(1)} a claim, at 95 %`
          : `${faults.length} faults, of ${file}`;
      process.stderr.write(
        `soak: ${claims} claims, ${given} answers, ${refused} refusals, ${lost} lost answers, ${done} harms, ` +
          `${found}\n`,
      );
      expect(faults).toEqual([]);
      expect(await findViolations(fleet.store)).toEqual([]);
      // Kept where something was found.
      await rm(scratch, { recursive: true });
    } finally {
      await server.stop();
    }
  },
);

/** Every pool has what it should, and nothing is under way. */
async function full({ store }: Fleet): Promise<void> {
  const wanted = Object.entries(POOLS).map(([name, { instances }]) => [name, instances]);
  await until(async () => {
    const { rows } = await store.database.query({ name: 'test.soak_full', text: FULL, values: [] });
    expect(Object.fromEntries(rows as [string, number][])).toEqual(Object.fromEntries(wanted));
  });
}

const FULL = `
  select t.name, count(*)::integer
  from pool_members m
  join pools l on l.id = m.pool_id
  join templates t on t.id = l.template_id
  where m.ready
  group by t.name`;
