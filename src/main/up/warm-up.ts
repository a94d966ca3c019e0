// Watches the pools fill after a start, and says when they are warm.
import type { Kit } from '../../base/kit.ts';
import type { Client } from '../../client/client.ts';
import { poolRoutes } from '../../contract/pool/route.ts';
import type { PoolView } from '../../contract/pool/schema.ts';
import type { Progress } from '../progress.ts';
import { outlast } from './outlast.ts';

const POLL_MS = 250;

export interface WarmUp {
  readonly kit: Kit;
  readonly client: Client;
  readonly progress: Progress;
  readonly organization: string;
  readonly signal: AbortSignal;
}

/** Resolves with the pools that want anything once each has it, or cannot get it for now. */
export async function waitUntilWarm(deps: WarmUp): Promise<readonly PoolView[]> {
  const { kit, client, progress, organization, signal } = deps;
  const told = new Map<string, string>();
  const tell = (pool: PoolView): void => {
    const text = describe(pool);
    if (told.get(pool.id) === text) return;
    told.set(pool.id, text);
    progress[isWarm(pool) ? 'done' : 'busy']('pool', text);
  };
  for (;;) {
    const { body } = await outlast(deps, () =>
      client.call(poolRoutes.listPools, { params: { organization }, query: {} }, { signal }),
    );
    const wanted = body.items.filter((pool) => (pool.state?.target ?? 0) > 0);
    for (const pool of wanted) tell(pool);
    if (wanted.every((pool) => isWarm(pool) || isHeldBack(pool))) return wanted;
    await kit.clock.sleep(POLL_MS, signal);
  }
}

export function isWarm({ state }: PoolView): boolean {
  return state !== null && state.eligible >= state.target;
}

function isHeldBack({ withheld }: PoolView): boolean {
  return withheld !== null && withheld.count > 0;
}

function describe({ template, preset, state, withheld }: PoolView): string {
  const ready = `${state?.eligible ?? 0} of ${state?.target ?? 0} ready`;
  const held = withheld === null ? '' : `; ${withheld.count} held back: ${withheld.reason}`;
  return `${template}/${preset}: ${ready}${held}`;
}
