// `standby provisioner key revoke`
import { daemonRoutes } from '../../../../contract/daemon/route.ts';
import { defineCommand } from '../../../command.ts';
import { connect } from '../../../session/target.ts';
import { answer } from '../../../show/answer.ts';
import { sentence } from '../../../show/harmless.ts';

export const command = defineCommand({
  name: 'provisioner key revoke',
  summary: 'end a key of daemons at once (administrators)',
  description:
    'Its daemons are refused from then on, and what they work on ends as lost within seconds: starts ' +
    'fail, imports, stops and deletes are queued again for other daemons.',
  arguments: { id: { summary: 'its id, from `standby provisioner key list`' } },
  options: {},
  run: async (context, { id }) => {
    const client = await connect(context);
    await client.call(daemonRoutes.revokeProvisionerKey, { params: { key: id } });
    answer(context, { id, revoked: true }, () => sentence`Revoked provisioner key ${id}.\n`);
    return 0;
  },
});
