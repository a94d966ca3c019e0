// A look at a simulated system: what must hold now, and what must not have happened since the former look.
import { findViolations } from '../pool-invariants.ts';
import { DAEMON_SLOTS } from './daemon.ts';
import { compareFacts, readFacts } from './fact.ts';
import type { World } from './world.ts';

/** All slots of both daemons but one. */
const MOST_CREATIONS = 2 * DAEMON_SLOTS - 1;

/** Adds what it finds to the world's findings. */
export async function look(world: World): Promise<void> {
  const { store, findings, activity, priorities } = world;
  const wasQuiet = activity.isQuiet();
  const facts = await readFacts(store);
  const isQuiet = wasQuiet && activity.isQuiet();
  findings.push(
    ...(await findViolations(store)),
    ...compareFacts(
      {
        before: world.facts,
        quiet: world.quietFacts,
        priorityOf: (name) => priorities.get(name) ?? 0,
      },
      facts,
    ),
    ...(await findBrokenClaims(world)),
  );
  if (facts.building > MOST_CREATIONS) {
    findings.push(`${facts.building} creations run, ${MOST_CREATIONS} may`);
  }
  world.facts = facts;
  if (isQuiet) world.quietFacts = facts;
}

/** What people got although it was broken already. */
async function findBrokenClaims({ store, broken }: World): Promise<readonly string[]> {
  if (broken.size === 0) return [];
  const rows = await store.sql<{ id: string }>(
    `select workspace_id as id from claims where workspace_id = any ($1) and outcome <> 'miss'`,
    [[...broken]],
  );
  return rows.map(({ id }) => `the workspace ${id} was claimed although it was broken`);
}
