// `standby provisioner key create`
import { AppError } from '../../../../base/app-error.ts';
import { excerpt } from '../../../../base/excerpt.ts';
import { parsePairs } from '../../../../config/setting.ts';
import { daemonRoutes } from '../../../../contract/daemon/route.ts';
import { defineCommand } from '../../../command.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../../session/organization.ts';
import { connect } from '../../../session/target.ts';
import { answer } from '../../../show/answer.ts';
import { sentence } from '../../../show/harmless.ts';

export const command = defineCommand({
  name: 'provisioner key create',
  summary: 'make a key for daemons and print it, once (administrators)',
  description:
    'The key goes to standard output alone, so that it can be piped into the file that the daemon ' +
    'reads. Whoever holds it is handed jobs with all that belongs to them: keep it like a password.',
  arguments: { name: { summary: 'what it is for' } },
  options: {
    org: ORGANIZATION_OPTION,
    site: { kind: 'flag', summary: 'its daemons serve every organization, not one' },
    tags: {
      kind: 'text',
      value: 'KEY=VALUE,…',
      summary: 'what its daemons offer, whatever they say of themselves',
    },
  },
  examples: [
    'standby provisioner key create berlin --org acme --tags zone=eu > berlin.key',
    'standby provisioner key create shared --site',
  ],
  run: async (context, { name, org, site, tags }) => {
    if (site && org !== undefined) {
      throw new AppError('USAGE', 'a key is for one organization (--org) or for all (--site)');
    }
    const client = await connect(context);
    const { body } = await client.call(daemonRoutes.createProvisionerKey, {
      body: {
        name,
        organization: site ? null : await chooseOrganization(context, client, org),
        tags: tags === undefined ? undefined : parseTags(tags),
      },
    });
    answer(context, body, () => sentence`${body.secret}\n`);
    if (context.io.isErrTty && !context.globals.json) {
      context.io.err('This is shown once. Revoke it with: ');
      context.io.err(`standby provisioner key revoke ${body.key.id}\n`);
    }
    return 0;
  },
});

function parseTags(text: string): Readonly<Record<string, string>> {
  const tags = parsePairs(text);
  if (tags !== undefined) return tags;
  throw new AppError('USAGE', {
    detail: `--tags is ${excerpt(text)}`,
    hint: 'Write key=value pairs with commas between them, each key once.',
  });
}
