// Values of sensitive parameters, sealed for their row and opened for the daemon that needs them.
import { createId, type SecretParametersId } from '../base/id.ts';
import type { Kit } from '../base/kit.ts';
import type { ParameterValues } from '../domain/parameter/check.ts';
import { secretParametersPlace } from '../store/sealed-value.ts';
import { findSecretParameters, type NewSecretParameters } from '../store/secret-parameters.ts';
import type { Executor } from '../store/statement.ts';
import type { Keyring } from './keyring.ts';

/** Null when there are none. */
export function sealParameters(
  kit: Pick<Kit, 'clock' | 'rng'>,
  keyring: Keyring,
  values: ParameterValues,
): NewSecretParameters | null {
  const names = Object.keys(values);
  if (names.length === 0) return null;
  const id = createId<SecretParametersId>(kit);
  const text = Buffer.from(JSON.stringify(values));
  return { id, names, ...keyring.seal(secretParametersPlace(id), text) };
}

/** Throws SealBroken for what was changed. */
export async function openParameters(
  { on, keyring }: { readonly on: Executor; readonly keyring: Keyring },
  id: SecretParametersId,
): Promise<ParameterValues> {
  const found = await findSecretParameters.one(on, { id });
  const text = await keyring.unseal(secretParametersPlace(id), found);
  return JSON.parse(text.toString('utf8')) as Record<string, string>;
}
