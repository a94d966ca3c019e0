// Ends the containers of a daemon that does not run. They and their volumes stay: when the daemon runs
// again, what belongs to people is started again.
import type { Engine } from './engine/engine.ts';
import { isAlive, runningOf, survey } from './survey.ts';

const GRACE_SECONDS = 10;

/** Gives the number of workspaces whose containers lived. */
export async function endAllContainers(engine: Engine, daemon: string): Promise<number> {
  const found = await survey(engine, daemon);
  const living = [...found.values()].flatMap((one) => runningOf(one) ?? []).filter(isAlive);
  await Promise.all(living.map(({ id }) => engine.stopContainer(id, GRACE_SECONDS)));
  return living.length;
}
