// A state as it is stored: compressed, then sealed for its workspace and lock.
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import type { WorkspaceId } from '../../base/id.ts';
import type { Keyring, Sealed } from '../../keys/keyring.ts';
import { statePlace } from '../../store/sealed-value.ts';

const compress = promisify(gzip);
const expand = promisify(gunzip);

export interface StatePlace {
  readonly workspaceId: WorkspaceId;
  readonly lockNumber: number;
}

export async function packState(
  keyring: Keyring,
  { workspaceId, lockNumber }: StatePlace,
  state: string,
): Promise<Sealed> {
  return keyring.seal(statePlace(workspaceId, lockNumber), await compress(state));
}

export async function unpackState(
  keyring: Keyring,
  { workspaceId, lockNumber }: StatePlace,
  sealed: Sealed,
): Promise<string> {
  const packed = await keyring.unseal(statePlace(workspaceId, lockNumber), sealed);
  return (await expand(packed)).toString('utf8');
}
