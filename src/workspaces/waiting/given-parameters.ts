// The parameters that somebody waits with: those that are sensitive sealed, for this waiter alone.
import type { DataKeyId, WaiterId } from '../../base/id.ts';
import type { Manifest } from '../../contract/manifest/schema.ts';
import type { ParameterValues } from '../../domain/parameter/check.ts';
import { splitSensitive } from '../../domain/parameter/sensitive.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { waiterPlace } from '../../store/sealed-value.ts';
import type { Executor } from '../../store/statement.ts';
import type { NextWaiter } from '../../store/waiter.ts';

interface KeptParameters {
  /** As JSON. */
  readonly parameters: string;
  readonly keyId: DataKeyId | null;
  readonly sealed: Buffer | null;
}

interface Deps {
  readonly keyring: Keyring;
}

export function sealGiven(
  { keyring }: Deps,
  id: WaiterId,
  { manifest, given }: { readonly manifest: Manifest; readonly given: ParameterValues },
): KeptParameters {
  const { plain, secret } = splitSensitive(manifest.parameters, given);
  const parameters = JSON.stringify(plain);
  if (Object.keys(secret).length === 0) return { parameters, keyId: null, sealed: null };
  return {
    parameters,
    ...keyring.seal(waiterPlace(id), Buffer.from(JSON.stringify(secret))),
  };
}

/** Throws SealBroken for what was changed, or was another waiter's. */
export async function openGiven(
  { on, keyring }: Deps & { readonly on: Executor },
  { id, parameters, keyId, sealed }: NextWaiter,
): Promise<ParameterValues> {
  if (keyId === null || sealed === null) return parameters;
  const text = await keyring.unseal(waiterPlace(id), { keyId, sealed }, on);
  return { ...parameters, ...(JSON.parse(text.toString('utf8')) as Record<string, string>) };
}
