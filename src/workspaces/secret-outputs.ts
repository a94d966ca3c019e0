// Connection details that only a workspace's owner may see: sealed where they are stored.
import type { JobId } from '../base/id.ts';
import type { Keyring } from '../keys/keyring.ts';
import { secretOutputsPlace } from '../store/sealed-value.ts';
import type { Executor } from '../store/statement.ts';
import { findSecretOutputs } from '../store/workspace.ts';

/** Of the build that this job made; the caller has to know that it may be shown them. */
export async function readSecretOutputs(
  { on, keyring }: { readonly on: Executor; readonly keyring: Keyring },
  jobId: JobId,
): Promise<Readonly<Record<string, string>>> {
  const found = await findSecretOutputs.maybe(on, { jobId });
  if (found === undefined) return {};
  const text = await keyring.unseal(secretOutputsPlace(jobId), found);
  return JSON.parse(text.toString('utf8')) as Record<string, string>;
}
