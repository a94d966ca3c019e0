// Ports of the engine's machine for what containers publish.
import type { Rng } from '../../../base/random.ts';

// Fixed, because those that the engine chooses change with every start. Below the range from which
// systems give ports to outgoing connections, and apart from the process driver's (20000 and up).
const FIRST_PORT = 10_000;
const LAST_PORT = 19_999;

/** One for each port of the container: those it has, and others drawn from what none of `taken` is. */
export function drawPorts(
  rng: Rng,
  inside: readonly number[],
  { kept, taken }: { readonly kept: ReadonlyMap<number, number>; readonly taken: Set<number> },
): ReadonlyMap<number, number> {
  return new Map(
    inside.map((port) => {
      const outside = kept.get(port) ?? draw(rng, taken);
      taken.add(outside);
      return [port, outside];
    }),
  );
}

/** Whether the engine says that somebody else has a port. */
export function isPortTaken(error: unknown): boolean {
  return (
    error instanceof Error && /port is already allocated|address already in use/.test(error.message)
  );
}

function draw(rng: Rng, taken: ReadonlySet<number>): number {
  const count = LAST_PORT - FIRST_PORT + 1;
  const start = Math.floor(rng.next() * count);
  for (let step = 0; step < count; step++) {
    const port = FIRST_PORT + ((start + step) % count);
    if (!taken.has(port)) return port;
  }
  throw new Error(`every port from ${FIRST_PORT} to ${LAST_PORT} is taken by workspaces`);
}
