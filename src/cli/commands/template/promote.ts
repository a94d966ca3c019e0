// `standby template promote`
import { templateRoutes } from '../../../contract/template/route.ts';
import { defineCommand } from '../../command.ts';
import { sentence } from '../../show/harmless.ts';
import { CHANGE_OPTIONS, runChange } from '../../template/change.ts';

export const command = defineCommand({
  name: 'template promote',
  summary: 'make a version the active one (administrators)',
  description:
    "Its pools begin to fill and those of the former version drain. People's workspaces stay as they " +
    'are. Of the active version, parameters that did not fit are tried once more.',
  arguments: { name: { summary: 'the template' }, version: { summary: 'the version' } },
  options: CHANGE_OPTIONS,
  examples: ['standby template promote hello v2', 'standby template promote hello v2 --dry-run'],
  run: (context, { version, ...values }) =>
    runChange(context, values, {
      tell: (is) => sentence`Version ${version} of template ${values.name} ${is} active.\n`,
      ask: (client, { params, query }) =>
        client.call(templateRoutes.promoteVersion, { params: { ...params, version }, query }),
    }),
});
