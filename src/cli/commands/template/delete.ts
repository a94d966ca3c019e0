// `standby template delete`
import { templateRoutes } from '../../../contract/template/route.ts';
import { defineCommand } from '../../command.ts';
import { sentence } from '../../show/harmless.ts';
import { CHANGE_OPTIONS, runChange } from '../../template/change.ts';

export const command = defineCommand({
  name: 'template delete',
  summary: 'delete a template; its pools drain (administrators)',
  description:
    "People's workspaces stay, and can still be stopped and deleted. The name is free for another " +
    'template. There is no way back; `standby template deprecate` has one.',
  arguments: { name: { summary: 'the template' } },
  options: CHANGE_OPTIONS,
  examples: ['standby template delete hello --dry-run'],
  run: (context, values) =>
    runChange(context, values, {
      tell: (is) => sentence`Template ${values.name} ${is} deleted.\n`,
      ask: (client, asked) => client.call(templateRoutes.deleteTemplate, asked),
    }),
});
