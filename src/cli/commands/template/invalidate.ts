// `standby template invalidate`
import { templateRoutes } from '../../../contract/template/route.ts';
import { defineCommand } from '../../command.ts';
import { sentence } from '../../show/harmless.ts';
import { CHANGE_OPTIONS, runChange } from '../../template/change.ts';

export const command = defineCommand({
  name: 'template invalidate',
  summary: 'have every prebuild of all pools of a template replaced (administrators)',
  description:
    'For when what they were built from has changed: none of those that a daemon has begun by now is ' +
    'handed to anybody any more. `standby pool invalidate` does it to one pool.',
  arguments: { name: { summary: 'the template' } },
  options: CHANGE_OPTIONS,
  examples: ['standby template invalidate hello'],
  run: (context, values) =>
    runChange(context, values, {
      tell: (is) => sentence`Every prebuild of template ${values.name} ${is} invalidated.\n`,
      ask: (client, asked) => client.call(templateRoutes.invalidateTemplate, asked),
    }),
});
