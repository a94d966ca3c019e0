// `standby pool pause`
import { poolRoutes } from '../../../contract/pool/route.ts';
import { defineCommand } from '../../command.ts';
import { CHANGE_OPTIONS, runChange } from '../../pool/change.ts';
import { POOL_ARGUMENT } from '../../pool/read.ts';

export const command = defineCommand({
  name: 'pool pause',
  summary: 'stop building and deleting for a pool (administrators)',
  description:
    'Once this has answered, nothing is built or deleted for the pool until `standby pool resume`. ' +
    'What is ready can still be claimed; builds that are under way come to their end.',
  arguments: { pool: POOL_ARGUMENT },
  options: CHANGE_OPTIONS,
  examples: ['standby pool pause hello/small'],
  run: (context, values) =>
    runChange(context, values, {
      becomes: 'paused',
      ask: (client, asked) =>
        client.call(poolRoutes.changePool, { ...asked, body: { paused: true } }),
    }),
});
