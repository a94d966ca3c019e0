// What a request gave to sensitive parameters: stored sealed, for the builds of its workspace.
import type { SecretParametersId, WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { Keyring } from '../keys/keyring.ts';
import { sealParameters } from '../keys/secret-parameters.ts';
import type { Transaction } from '../store/database.ts';
import { insertSecretParameters } from '../store/secret-parameters.ts';
import type { WantedWorkspace } from './request.ts';

/** Null when nothing was given. */
export function storeSecretParameters(
  deps: Pick<Kit, 'clock' | 'rng'> & { readonly keyring: Keyring },
  tx: Transaction,
  {
    workspaceId,
    wanted,
  }: {
    readonly workspaceId: WorkspaceId;
    readonly wanted: Pick<WantedWorkspace, 'secretParameters'>;
  },
): SecretParametersId | null {
  const sealed = sealParameters(deps, workspaceId, wanted.secretParameters);
  if (sealed === null) return null;
  insertSecretParameters.later(tx, sealed);
  return sealed.id;
}
