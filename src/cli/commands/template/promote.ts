// `standby template promote`
import { templateRoutes } from '../../../contract/template/route.ts';
import { defineCommand } from '../../command.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';

export const command = defineCommand({
  name: 'template promote',
  summary: 'make a version the active one (administrators)',
  description:
    "Its pools begin to fill and those of the former version drain. People's workspaces stay as they are.",
  arguments: { name: { summary: 'the template' }, version: { summary: 'the version' } },
  options: { org: ORGANIZATION_OPTION },
  examples: ['standby template promote hello v2'],
  run: async (context, { name, version, org }) => {
    const client = await connect(context);
    const organization = await chooseOrganization(context, client, org);
    const { body } = await client.call(templateRoutes.promoteVersion, {
      params: { organization, template: name, version },
    });
    answer(context, body, () => sentence`Version ${version} of template ${name} is active.\n`);
    return 0;
  },
});
