// One change of one pool, and what comes of it: the same for all commands that make one.
import type { Client } from '../../client/client.ts';
import type { PlannedPoolView } from '../../contract/pool/schema.ts';
import type { CommandContext, ExitStatus } from '../command.ts';
import { DRY_RUN_OPTION, dryRunQuery, type DryRunQuery } from '../session/dry-run.ts';
import { ORGANIZATION_OPTION } from '../session/organization.ts';
import { connect } from '../session/target.ts';
import { answer } from '../show/answer.ts';
import { sentence } from '../show/harmless.ts';
import { describeHeldBack, describeNextTurn } from './plan.ts';
import { choosePool, type PoolName } from './read.ts';

export const CHANGE_OPTIONS = { org: ORGANIZATION_OPTION, dryRun: DRY_RUN_OPTION } as const;

export interface ChangeValues {
  readonly pool: string;
  readonly org: string | undefined;
  readonly dryRun: boolean;
}

export interface PoolChange {
  readonly ask: (
    client: Client,
    asked: { readonly params: PoolName; readonly query: DryRunQuery },
  ) => Promise<{ readonly body: PlannedPoolView }>;
  /** What the pool is then: `paused`. */
  readonly becomes: string;
}

export async function runChange(
  context: CommandContext,
  { pool: name, org, dryRun }: ChangeValues,
  change: PoolChange,
): Promise<ExitStatus> {
  const client = await connect(context);
  const params = await choosePool(context, client, { pool: name, org });
  const { body } = await change.ask(client, { params, query: dryRunQuery(dryRun) });
  const is = dryRun ? 'would be' : 'is';
  answer(context, body, (pool) => {
    const { organization, template, preset } = pool;
    return (
      sentence`Pool ${organization}/${template}/${preset} ${is} ${change.becomes}.\n` +
      renderNextTurn(pool)
    );
  });
  return 0;
}

function renderNextTurn(pool: PlannedPoolView): string {
  const held = describeHeldBack(pool);
  return (
    sentence`Its next turn: ${describeNextTurn(pool)}\n` + (held === '' ? '' : sentence`${held}\n`)
  );
}
