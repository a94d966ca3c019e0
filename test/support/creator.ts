// What serves requests for workspaces, as in one control plane, with what a test need not choose.
import {
  createWorkspaceCreator,
  type CreateOptions,
  type CreateWorkspace,
} from '../../src/workspaces/create-workspace.ts';
import { createConfirmTogether } from '../../src/workspaces/confirm-together.ts';
import type { CreateDeps, ProofOptions, ProveDeps, ServeDeps } from '../../src/workspaces/order.ts';
import { AGENT_WATCH } from '../../src/store/live-pool/ready-now.ts';
import { DEAF } from './queue.ts';
import type { TestStore } from './store.ts';

/** Looked at often enough for a test that hears no notice, and long enough for a busy machine. */
export const TEST_PROOF = { timeoutMs: 5_000, pollMs: 5 };

export function createTestCreator(
  deps: CreateDeps & Partial<Pick<ServeDeps, 'bus'>>,
  options: Partial<CreateOptions> = {},
): CreateWorkspace {
  return createWorkspaceCreator({ bus: DEAF, ...deps }, { proof: TEST_PROOF, ...options });
}

/** For who proves what is taken, as in one control plane. */
export function proveDepsOf(
  deps: CreateDeps & Partial<Pick<ProveDeps, 'bus'>>,
  proof: ProofOptions = TEST_PROOF,
): ProveDeps {
  return { bus: DEAF, ...deps, proof, confirmTogether: createConfirmTogether(deps) };
}

/** For claims whose agents answer when the test comes to it. */
export const UNPROVEN = { timeoutMs: 0, pollMs: 5 };

/** As after time in which nothing could be stored: what agents do not say counts against none. */
export async function judgeNoAgents(store: TestStore): Promise<void> {
  await store.sql(
    `insert into watches (name, last_at, judging_from)
     values ('${AGENT_WATCH}', standby_now(), 'infinity')`,
  );
}
