// What a new owner asks for beside how long the workspace runs: that it starts by itself, and with which version.
import type { WorkspaceId } from '../../base/id.ts';
import type { Transaction } from '../../store/database.ts';
import { setAutomaticUpdates } from '../../store/life.ts';
import type { WorkspaceRequest } from '../request.ts';
import { grantAutostart } from './autostart.ts';

type Asked = Pick<WorkspaceRequest, 'autostart' | 'automaticUpdates'>;

export function hasHabits({ autostart, automaticUpdates = 'never' }: Asked): boolean {
  return autostart !== undefined || automaticUpdates !== 'never';
}

/** In the transaction in which somebody gets the workspace. */
export async function grantHabits(
  tx: Transaction,
  id: WorkspaceId,
  { autostart, automaticUpdates = 'never' }: Asked,
): Promise<void> {
  if (autostart !== undefined) await grantAutostart(tx, id, autostart);
  if (automaticUpdates !== 'never') await setAutomaticUpdates.run(tx, { id, automaticUpdates });
}
