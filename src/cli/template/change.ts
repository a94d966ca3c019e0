// One change of a template, and what comes of it: the same for all commands that make one.
import type { Client } from '../../client/client.ts';
import type { TemplateChangeView } from '../../contract/template/schema.ts';
import type { CommandContext, ExitStatus } from '../command.ts';
import { renderPlans } from '../pool/plan.ts';
import { DRY_RUN_OPTION, dryRunQuery, type DryRunQuery } from '../session/dry-run.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../session/organization.ts';
import { connect } from '../session/target.ts';
import { answer } from '../show/answer.ts';
import { sentence } from '../show/harmless.ts';

export const CHANGE_OPTIONS = { org: ORGANIZATION_OPTION, dryRun: DRY_RUN_OPTION } as const;

export interface TemplateChange {
  readonly ask: (
    client: Client,
    asked: {
      readonly params: { readonly organization: string; readonly template: string };
      readonly query: DryRunQuery;
    },
  ) => Promise<{ readonly body: TemplateChangeView }>;
  /** The sentence about it: `Template hello ${is} deprecated.` */
  readonly tell: (is: string) => string;
}

export async function runChange(
  context: CommandContext,
  values: { readonly name: string; readonly org: string | undefined; readonly dryRun: boolean },
  change: TemplateChange,
): Promise<ExitStatus> {
  const { name, org, dryRun } = values;
  const client = await connect(context);
  const params = {
    organization: await chooseOrganization(context, client, org),
    template: name,
  };
  const { body } = await change.ask(client, { params, query: dryRunQuery(dryRun) });
  answer(context, body, ({ pools, workspaces, rehearsed_first: first }, colors) =>
    [
      change.tell(dryRun ? 'would be' : 'is'),
      first.length === 0
        ? ''
        : sentence`Only if claims of these presets are rehearsed first and found clean: ${first.join(', ')}\n`,
      workspaces === 0 ? '' : sentence`Workspaces of people that stay: ${String(workspaces)}\n`,
      pools.length === 0 ? '' : `\n${renderPlans(colors, pools)}`,
    ].join(''),
  );
  return 0;
}
