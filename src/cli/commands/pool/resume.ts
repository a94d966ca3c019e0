// `standby pool resume`
import { poolRoutes } from '../../../contract/pool/route.ts';
import { defineCommand } from '../../command.ts';
import { CHANGE_OPTIONS, runChange } from '../../pool/change.ts';
import { POOL_ARGUMENT } from '../../pool/read.ts';

export const command = defineCommand({
  name: 'pool resume',
  summary: 'go on building and deleting for a paused pool (administrators)',
  arguments: { pool: POOL_ARGUMENT },
  options: CHANGE_OPTIONS,
  examples: ['standby pool resume hello/small'],
  run: (context, values) =>
    runChange(context, values, {
      becomes: 'not paused by itself',
      ask: (client, asked) =>
        client.call(poolRoutes.changePool, { ...asked, body: { paused: false } }),
    }),
});
