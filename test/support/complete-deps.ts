// What a report of a result needs, each end of a build by itself.
import type { Kit } from '../../src/base/kit.ts';
import type { CompleteDeps } from '../../src/jobs/complete-job.ts';
import { endAlone } from '../../src/jobs/end-attempt.ts';
import { createLoneJobFinisher } from '../../src/jobs/lone-job.ts';
import type { Keyring } from '../../src/keys/keyring.ts';
import type { Database } from '../../src/store/database.ts';

export function completeDeps(
  { kit, keyring }: { readonly kit: Kit; readonly keyring: Keyring },
  database: Database,
): CompleteDeps {
  const deps = { ...kit, database };
  return {
    ...deps,
    keyring,
    finishLoneJob: createLoneJobFinisher(deps),
    endAttempt: endAlone(deps),
  };
}
