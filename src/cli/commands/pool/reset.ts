// `standby pool reset`
import { poolRoutes } from '../../../contract/pool/route.ts';
import { defineCommand } from '../../command.ts';
import { CHANGE_OPTIONS, runChange } from '../../pool/change.ts';
import { POOL_ARGUMENT } from '../../pool/read.ts';

export const command = defineCommand({
  name: 'pool reset',
  summary: 'forget the failures that hold a pool back (administrators)',
  description:
    'Ends a backoff and the limit, as a trial that succeeds does. What is being built, a trial too, ' +
    'counts for nothing, however it ends. Parameters that do not fit are tried again by ' +
    '`standby template promote`.',
  arguments: { pool: POOL_ARGUMENT },
  options: CHANGE_OPTIONS,
  examples: ['standby pool reset hello/small'],
  run: (context, values) =>
    runChange(context, values, {
      becomes: 'reset',
      ask: (client, asked) => client.call(poolRoutes.resetPool, asked),
    }),
});
