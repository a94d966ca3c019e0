// Brings members in line with what their agents say, as the product does wherever agents have said something.
import type { WorkspaceId } from '../../src/base/id.ts';
import type { Transaction } from '../../src/store/database.ts';
import { lockMembers } from '../../src/store/live-pool/member.ts';
import { refreshLocked } from '../../src/store/live-pool/readiness.ts';

export async function refreshReadiness(
  tx: Transaction,
  workspaceIds: readonly WorkspaceId[],
): Promise<void> {
  await lockMembers.all(tx, { workspaceIds });
  await refreshLocked(tx, workspaceIds);
}
