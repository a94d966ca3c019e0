// Plans of the pools that a control plane has.
import type { Client } from '../../client/client.ts';
import { readPages } from '../../client/pages.ts';
import { peopleRoutes } from '../../contract/people/route.ts';
import { poolRoutes } from '../../contract/pool/route.ts';
import type { PlannedPoolView } from '../../contract/pool/schema.ts';
import type { CommandContext, ExitStatus } from '../command.ts';
import { renderPlans } from '../pool/plan.ts';
import { choosePool } from '../pool/read.ts';
import { connect } from '../session/target.ts';
import { answer } from '../show/answer.ts';
import { collect } from '../show/collect.ts';

interface Asked {
  readonly pool: string | undefined;
  readonly org: string | undefined;
}

export async function printLivePlans(context: CommandContext, asked: Asked): Promise<ExitStatus> {
  const client = await connect(context);
  answer(context, await readPlans(context, client, asked), (pools, colors) =>
    renderPlans(colors, pools),
  );
  return 0;
}

async function readPlans(
  context: CommandContext,
  client: Client,
  { pool, org }: Asked,
): Promise<readonly PlannedPoolView[]> {
  if (pool !== undefined) {
    const params = await choosePool(context, client, { pool, org });
    return [(await client.call(poolRoutes.getPlan, { params })).body];
  }
  const organizations = org === undefined ? await listOrganizations(client) : [org];
  const plans: PlannedPoolView[] = [];
  for (const organization of organizations) {
    const params = { organization };
    const pages = readPages((query) => client.call(poolRoutes.listPlans, { params, query }));
    plans.push(...(await collect(pages)));
  }
  return plans;
}

async function listOrganizations(client: Client): Promise<readonly string[]> {
  const found = await collect(
    readPages((query) => client.call(peopleRoutes.listOrganizations, { query })),
  );
  return found.map(({ name }) => name);
}
