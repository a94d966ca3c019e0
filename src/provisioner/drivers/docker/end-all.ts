// Ends the containers of a daemon that does not run. They and their volumes stay: when the daemon runs
// again, what belongs to people is started again.
import { end } from './container.ts';
import type { Engine } from './engine/engine.ts';
import { hasProcesses, survey } from './survey.ts';

const GRACE_SECONDS = 10;

/** Gives the number of workspaces whose containers lived. */
export async function endAllContainers(engine: Engine, daemon: string): Promise<number> {
  const found = await survey(engine, daemon);
  // Half made ones too, and those that should have ended: nobody is there to settle them.
  const living = [...found.values()]
    .map(({ containers }) => containers.filter(hasProcesses))
    .filter((containers) => containers.length > 0);
  await Promise.all(living.flat().map((container) => end(engine, container, GRACE_SECONDS)));
  return living.length;
}
