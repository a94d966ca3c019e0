// The same claims, called where the API's handler calls them.
import type { Kit } from '../../src/base/kit.ts';
import { FIRST_ORGANIZATION } from '../../src/people/bootstrap.ts';
import type { Database } from '../../src/store/database.ts';
import { createWorkspace } from '../../src/workspaces/create-workspace.ts';
import type { Claim } from './claim-request.ts';

export function claimInProcess(kit: Kit, database: Database): Claim {
  return async ({ person, template, name }) =>
    createWorkspace(
      { ...kit, database },
      { userId: person.userId, isAdmin: false },
      {
        organization: FIRST_ORGANIZATION,
        template,
        name,
        preset: undefined,
        parameters: {},
        onEmpty: 'create',
        idempotencyKey: name,
      },
    );
}
