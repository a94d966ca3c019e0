// The watch over agents' signs of life. A pool is told when one of its ready prebuilds falls silent; when
// the silence has lasted too long is a time that the pool then knows.
import type { Database } from '../store/database.ts';
import { findPoolsFallenSilent } from '../store/live-pool/fallen-silent.ts';
import { AGENT_WATCH } from '../store/live-pool/ready-now.ts';
import { keepWatch } from '../store/watch.ts';

export interface WatchOptions {
  /** The time between two looks; see keepWatch. */
  readonly intervalMs: number;
  /** How long agents have, after time in which nobody looked, to show that they live. */
  readonly agentTimeoutMs: number;
}

/** A look that came late, or whose notice was lost, is made up for by the next one. */
const LOOKS_THAT_TELL = 3;

export async function watchAgents(
  { database }: { readonly database: Database },
  { intervalMs, agentTimeoutMs: timeoutMs }: WatchOptions,
): Promise<void> {
  const { judging } = await keepWatch.one(database, { name: AGENT_WATCH, intervalMs, timeoutMs });
  if (!judging) return;
  const withinMs = LOOKS_THAT_TELL * intervalMs;
  const silent = await findPoolsFallenSilent.all(database, { withinMs });
  if (silent.length === 0) return;
  database.announce(silent.map(({ poolId }) => ({ kind: 'pool', poolId }) as const));
}
