// People who claim workspaces and delete them at once, each as fast as they are served. How fast that is,
// the pools decide: who finds nothing ready asks again.
import { AppError } from '../../src/base/app-error.ts';
import { createId } from '../../src/base/id.ts';
import type { Client } from '../../src/client/client.ts';
import { workspaceRoutes } from '../../src/contract/workspace/route.ts';
import { FIRST_ORGANIZATION } from '../../src/people/bootstrap.ts';
import { bodyOfCreated } from '../../test/support/created.ts';
import type { Stage } from '../support/bench.ts';

export interface Churn {
  readonly client: Client;
  readonly template: string;
  /** Named `preset-1` and so on. */
  readonly presets: number;
  readonly callers: number;
  readonly claims: number;
  /** Told in the order in which claims were answered. */
  readonly onClaimed: (tookMs: number) => void;
}

/** A miss is work as well, which the pools would have to wait for. */
const PAUSE_MS = 500;

/** Ends when so many were claimed, and asked to be deleted. */
export async function churn(
  { kit, signal }: Stage,
  { client, template, presets, callers, claims, onClaimed }: Churn,
): Promise<void> {
  let begun = 0;
  const claim = async (preset: string): Promise<string | undefined> => {
    try {
      const answer = await client.call(workspaceRoutes.createWorkspace, {
        params: { organization: FIRST_ORGANIZATION },
        headers: { 'idempotency-key': createId(kit) },
        body: { name: `claimed-${createId(kit)}`, template, preset, on_empty: 'fail' },
      });
      return bodyOfCreated(answer).workspace.id;
    } catch (error) {
      if (error instanceof AppError && error.code === 'POOL_EMPTY') return undefined;
      throw error;
    }
  };
  const call = async (): Promise<void> => {
    while (begun < claims) {
      signal.throwIfAborted();
      const preset = `preset-${(begun++ % presets) + 1}`;
      for (;;) {
        const startMs = kit.clock.monotonicMs();
        const workspace = await claim(preset);
        if (workspace !== undefined) {
          onClaimed(kit.clock.monotonicMs() - startMs);
          await client.call(workspaceRoutes.deleteWorkspace, { params: { workspace } });
          break;
        }
        await kit.clock.sleep(PAUSE_MS * (0.5 + kit.rng.next()), signal);
      }
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
}
