// The agents of a workspace that is of another version of its template from now on.
import { createId, type AgentId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Manifest } from '../contract/manifest/schema.ts';
import { planAgents } from '../domain/workspace/planned-agents.ts';
import { replaceAgents } from '../store/build.ts';
import type { Transaction } from '../store/database.ts';

/** Those of the same name stay who they are. */
export async function exchangeAgents(
  kit: Pick<Kit, 'clock' | 'rng'>,
  tx: Transaction,
  { workspaceId, manifest }: { readonly workspaceId: WorkspaceId; readonly manifest: Manifest },
): Promise<void> {
  const agents = planAgents(manifest).map((agent) => ({
    ...agent,
    ...{ id: createId<AgentId>(kit), workspaceId },
  }));
  await replaceAgents(tx, workspaceId, agents);
}
