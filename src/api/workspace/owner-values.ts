// What a request gives for the new owner, in the form in which it is kept.
import type { OwnerValuesBody } from '../../contract/workspace/owner-values.ts';
import { someValues, type OwnerValues } from '../../domain/workspace/owner-values.ts';

/** Undefined when nothing was given. */
export function readOwnerValues(body: OwnerValuesBody): OwnerValues | undefined {
  const { environment, secrets } = body;
  const files = Object.entries(body.files).map(([path, { content, encoding, mode }]) => ({
    path,
    mode: Number.parseInt(mode, 8),
    base64: encoding === 'base64' ? content : Buffer.from(content, 'utf8').toString('base64'),
  }));
  return someValues({ environment, secrets, files });
}
