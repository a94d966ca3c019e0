// Waiting for pools of a running installation, through its API.
import type { Client } from '../../src/client/client.ts';
import { poolRoutes } from '../../src/contract/pool/route.ts';
import { isWarm } from '../../src/main/up/warm-up.ts';
import { FIRST_ORGANIZATION } from '../../src/people/bootstrap.ts';
import type { Stage } from './bench.ts';

export interface AwaitedPool {
  readonly client: Client;
  readonly template: string;
  /** How exactly the moment has to be met; each look costs the server some milliseconds. */
  readonly pollMs: number;
}

/** Resolves as soon as every pool of the template has all that it wants ready. */
export async function waitUntilFull(
  { kit, signal }: Stage,
  { client, template, pollMs }: AwaitedPool,
): Promise<void> {
  for (;;) {
    const { body } = await client.call(
      poolRoutes.listPools,
      { params: { organization: FIRST_ORGANIZATION }, query: { template } },
      { signal },
    );
    if (body.items.length > 0 && body.items.every(isWarm)) return;
    await kit.clock.sleep(pollMs, signal);
  }
}
