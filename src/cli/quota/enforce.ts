// Turning the quota of an organization on and off.
import { quotaRoutes } from '../../contract/quota/route.ts';
import type { CommandContext, ExitStatus } from '../command.ts';
import { DRY_RUN_OPTION, dryRunQuery } from '../session/dry-run.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../session/organization.ts';
import { connect } from '../session/target.ts';
import { answer } from '../show/answer.ts';
import { describeQuota } from './describe.ts';

export const ENFORCE_OPTIONS = { dryRun: DRY_RUN_OPTION, org: ORGANIZATION_OPTION } as const;

export interface Enforcement {
  readonly enforced: boolean;
  readonly dryRun: boolean;
  readonly org: string | undefined;
}

export async function enforceQuota(
  context: CommandContext,
  { enforced, dryRun, org }: Enforcement,
): Promise<ExitStatus> {
  const client = await connect(context);
  const organization = await chooseOrganization(context, client, org);
  const { body } = await client.call(quotaRoutes.enforceQuota, {
    params: { organization },
    query: dryRunQuery(dryRun),
    body: { enforced },
  });
  answer(context, body, (quota) =>
    dryRun ? `Nothing is changed. It would be:\n${describeQuota(quota)}` : describeQuota(quota),
  );
  return 0;
}
