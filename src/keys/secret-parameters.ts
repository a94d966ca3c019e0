// Values of sensitive parameters, sealed for their row and opened for the daemon that needs them.
import { createId, type SecretParametersId, type WorkspaceId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { ParameterValues } from '../domain/parameter/check.ts';
import { secretParametersPlace } from '../store/sealed-value.ts';
import { findSecretParameters, type NewSecretParameters } from '../store/secret-parameters.ts';
import type { Executor } from '../store/statement.ts';
import type { Keyring } from './keyring.ts';

/** Null when there are none. */
export function sealParameters(
  { keyring, ...kit }: Pick<Kit, 'clock' | 'rng'> & { readonly keyring: Keyring },
  workspaceId: WorkspaceId,
  values: ParameterValues,
): NewSecretParameters | null {
  const names = Object.keys(values);
  if (names.length === 0) return null;
  const id = createId<SecretParametersId>(kit);
  const text = Buffer.from(JSON.stringify(values));
  return { id, workspaceId, names, ...keyring.seal(secretParametersPlace(workspaceId, id), text) };
}

/** Throws SealBroken for what was changed, or was another workspace's. */
export async function openParameters(
  { on, keyring }: { readonly on: Executor; readonly keyring: Keyring },
  workspaceId: WorkspaceId,
  id: SecretParametersId,
): Promise<ParameterValues> {
  const found = await findSecretParameters.one(on, { id });
  const text = await keyring.unseal(secretParametersPlace(workspaceId, id), found);
  return JSON.parse(text.toString('utf8')) as Record<string, string>;
}
