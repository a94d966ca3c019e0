// Claims through the API, without a socket, that tell what each asked of the database.
import { createApi } from '../../src/api/http/api.ts';
import { createWorkspaceHandlers } from '../../src/api/workspace/handlers.ts';
import type { Kit } from '../../src/base/kit.ts';
import type { CreateWorkspaceAnswer } from '../../src/contract/workspace/schema.ts';
import type { Keyring } from '../../src/keys/keyring.ts';
import { createPersonAuthenticator } from '../../src/people/authenticate.ts';
import type { Database } from '../../src/store/database.ts';
import { countStatements, type Counted } from './counted-database.ts';
import { nothingFirst } from './precedence.ts';
import { RECONCILER_OPTIONS } from './reconcile.ts';

export interface CountedClaims {
  claim(request: CountedRequest): Promise<CreateWorkspaceAnswer & Counted>;
}

export interface CountedRequest {
  readonly token: string;
  readonly organization: string;
  readonly template: string;
  readonly name: string;
  readonly idempotencyKey?: string;
}

export function createCountedClaims(
  kit: Kit,
  { database, keyring }: { readonly database: Database; readonly keyring: Keyring },
): CountedClaims {
  const counted = countStatements(database);
  const nobody = (): Promise<undefined> => Promise.resolve(undefined);
  const { app } = createApi(kit, {
    handlers: createWorkspaceHandlers(
      {
        ...{ ...kit, database: counted, keyring, precedence: nothingFirst },
        bus: { subscribe: () => () => undefined },
      },
      { ...RECONCILER_OPTIONS, pollMs: 1_000, waitersPerUser: 100, claimProofTimeoutMs: 5_000 },
    ),
    authenticators: {
      person: createPersonAuthenticator(kit, counted),
      provisioner: nobody,
      agent_bootstrap: nobody,
      agent: nobody,
      metrics: nobody,
    },
    eventStreams: { maxPerCaller: 1 },
  });
  return {
    claim: async ({ token, organization, template, name, idempotencyKey }) => {
      counted.take();
      const answer = await app.request(`/api/v1/organizations/${organization}/workspaces`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
        },
        body: JSON.stringify({ template, name }),
      });
      if (answer.status !== 201) throw new Error(await answer.text());
      return { ...((await answer.json()) as CreateWorkspaceAnswer), ...counted.take() };
    },
  };
}
