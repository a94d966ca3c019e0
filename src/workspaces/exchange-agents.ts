// The agents of a workspace that is of another version of its template from now on.
import { createId, type AgentId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Manifest } from '../contract/manifest/schema.ts';
import { planAgents } from '../domain/workspace/planned-agents.ts';
import { replaceAgents } from '../store/build.ts';
import type { Transaction } from '../store/database.ts';
import {
  forgetExpiredValues,
  lockOwnerValues,
  removeDeliveredValues,
} from '../store/owner-values.ts';

/**
 * Those of the same name stay who they are. What the owner gave is for the new ones as well while it is kept, and
 * nobody is told that it is gone who was not there to fetch it.
 */
export async function exchangeAgents(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  { workspaceId, manifest }: { readonly workspaceId: WorkspaceId; readonly manifest: Manifest },
): Promise<void> {
  const agents = planAgents(manifest).map((agent) => ({
    ...agent,
    ...{ id: createId<AgentId>(kit), workspaceId },
  }));
  // Agents that tell that they have taken over lock it before they change their rows.
  await lockOwnerValues.run(tx, { workspaceId });
  const names = agents.map(({ name }) => name);
  await forgetExpiredValues.run(tx, { workspaceId, names });
  await replaceAgents(tx, workspaceId, agents);
  await removeDeliveredValues.run(tx, { workspaceId });
}
