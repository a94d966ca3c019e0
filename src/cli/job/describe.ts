// A job in words.
import type { JobView } from '../../contract/job/schema.ts';

/** `running`, `pending: no_provisioner: no daemon offers …`, `failed: exit status 1`. */
export function describeJobState({ status, error, waiting_reason: reason }: JobView): string {
  const why = error ?? reason;
  return why === null ? status : `${status}: ${why}`;
}
