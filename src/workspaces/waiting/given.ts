// What somebody waits with: their parameters, those that are sensitive and what is for the owner sealed,
// for this waiter alone.
import type { DataKeyId, WaiterId } from '../../base/id.ts';
import type { Manifest } from '../../contract/manifest/schema.ts';
import type { ParameterValues } from '../../domain/parameter/check.ts';
import { splitSensitive } from '../../domain/parameter/sensitive.ts';
import type { OwnerValues } from '../../domain/workspace/owner-values.ts';
import type { Keyring } from '../../keys/keyring.ts';
import { waiterPlace } from '../../store/sealed-value.ts';
import type { Executor } from '../../store/statement.ts';
import type { NextWaiter } from '../../store/waiter.ts';
import type { WorkspaceRequest } from '../request.ts';

interface Kept {
  /** As JSON. */
  readonly parameters: string;
  readonly keyId: DataKeyId | null;
  readonly sealed: Buffer | null;
}

type Given = Pick<WorkspaceRequest, 'parameters' | 'values'>;

/** What is sealed. Who began to wait before there were values has the parameters alone, as an object. */
type Hidden = readonly [parameters: ParameterValues, values: OwnerValues | null] | ParameterValues;

interface Deps {
  readonly keyring: Keyring;
}

export function sealGiven(
  { keyring }: Deps,
  id: WaiterId,
  { manifest, given }: { readonly manifest: Manifest; readonly given: Given },
): Kept {
  const { plain, secret } = splitSensitive(manifest.parameters, given.parameters);
  const parameters = JSON.stringify(plain);
  if (Object.keys(secret).length === 0 && given.values === undefined) {
    return { parameters, keyId: null, sealed: null };
  }
  const hidden: Hidden = [secret, given.values ?? null];
  return { parameters, ...keyring.seal(waiterPlace(id), Buffer.from(JSON.stringify(hidden))) };
}

/** Throws SealBroken for what was changed, or was another waiter's. */
export async function openGiven(
  { on, keyring }: Deps & { readonly on: Executor },
  { id, parameters, keyId, sealed }: NextWaiter,
): Promise<Given> {
  if (keyId === null || sealed === null) return { parameters, values: undefined };
  const text = await keyring.unseal(waiterPlace(id), { keyId, sealed }, on);
  const hidden = JSON.parse(text.toString('utf8')) as Hidden;
  const [secret, values] = isPair(hidden) ? hidden : [hidden, null];
  return { parameters: { ...parameters, ...secret }, values: values ?? undefined };
}

function isPair(hidden: Hidden): hidden is Extract<Hidden, readonly unknown[]> {
  return Array.isArray(hidden);
}
