// A call about one group, and how its answer is told.
import type { Client } from '../../client/client.ts';
import type { GroupDetail } from '../../contract/group/schema.ts';
import type { CommandContext, ExitStatus } from '../command.ts';
import { chooseOrganization } from '../session/organization.ts';
import { connect } from '../session/target.ts';
import { answer } from '../show/answer.ts';

export const GROUP_ARGUMENT = { summary: 'the name of the group' } as const;

export interface GroupParams {
  readonly organization: string;
  readonly group: string;
}

export interface GroupCall<Told> {
  readonly org: string | undefined;
  readonly group: string;
  readonly ask: (client: Client, params: GroupParams) => Promise<Told>;
  readonly tell: (told: Told) => string;
}

export async function askOfGroup<Told = GroupDetail>(
  context: CommandContext,
  { org, group, ask, tell }: GroupCall<Told>,
): Promise<ExitStatus> {
  const client = await connect(context);
  const organization = await chooseOrganization(context, client, org);
  answer(context, await ask(client, { organization, group }), tell);
  return 0;
}
