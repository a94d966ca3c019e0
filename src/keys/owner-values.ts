// What a new owner gave, sealed for this workspace and this owner, and opened for the agents.
import type { WorkspaceId } from '../base/id.ts';
import type { OwnerValues } from '../domain/workspace/owner-values.ts';
import { ownerValuesPlace } from '../store/sealed-value.ts';
import type { Keyring, Sealed } from './keyring.ts';

/** Of the workspace as the owner has it. */
export interface Owned {
  readonly workspaceId: WorkspaceId;
  readonly epoch: number;
}

export function sealOwnerValues(keyring: Keyring, owned: Owned, values: OwnerValues): Sealed {
  return keyring.seal(ownerValuesPlace(owned), Buffer.from(JSON.stringify(values)));
}

/** Throws SealBroken for what was changed, or was given for another workspace or by another owner. */
export async function openOwnerValues(
  keyring: Keyring,
  owned: Owned,
  sealed: Sealed,
): Promise<OwnerValues> {
  const text = await keyring.unseal(ownerValuesPlace(owned), sealed);
  return JSON.parse(text.toString('utf8')) as OwnerValues;
}
