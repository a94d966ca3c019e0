// The same claims, called where the API's handler calls them.
import { FIRST_ORGANIZATION } from '../../src/people/bootstrap.ts';
import { createTestCreator } from '../../test/support/creator.ts';
import type { CreateDeps } from '../../src/workspaces/order.ts';
import type { Claim } from './claim-request.ts';
import { asCreated, NO_WAITING } from '../../test/support/created.ts';

export function claimInProcess(deps: CreateDeps): Claim {
  const createWorkspace = createTestCreator(deps);
  return ({ person, template, name }) =>
    createWorkspace(
      { userId: person.userId, isAdmin: false },
      {
        organization: FIRST_ORGANIZATION,
        template,
        name,
        preset: undefined,
        parameters: {},
        onEmpty: 'create',
        ...NO_WAITING,
        idempotencyKey: name,
      },
    ).then(asCreated);
}
