// What a request gave for the new owner: stored sealed, for the workspace's agents.
import { sealOwnerValues, type Owned } from '../keys/owner-values.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Transaction } from '../store/database.ts';
import { insertOwnerValues } from '../store/owner-values.ts';
import type { WorkspaceRequest } from './request.ts';

/** Does nothing when nothing was given. */
export function storeOwnerValues(
  { keyring }: { readonly keyring: Keyring },
  tx: Transaction,
  { values, workspaceId, epoch }: Owned & Pick<WorkspaceRequest, 'values'>,
): void {
  if (values === undefined) return;
  const owned = { workspaceId, epoch };
  insertOwnerValues.later(tx, { ...owned, ...sealOwnerValues(keyring, owned, values) });
}
