// `standby template promote`
import { promoteVersion } from '../../../client/promote-version.ts';
import { templateRoutes } from '../../../contract/template/route.ts';
import { defineCommand } from '../../command.ts';
import { interruptible } from '../../session/interruptible.ts';
import { sentence } from '../../show/harmless.ts';
import { createProgress } from '../../show/progress.ts';
import { CHANGE_OPTIONS, runChange } from '../../template/change.ts';

export const command = defineCommand({
  name: 'template promote',
  summary: 'make a version the active one (administrators)',
  description:
    "Its pools begin to fill and those of the former version drain. People's workspaces stay as they " +
    'are. Of the active version, parameters that did not fit are tried once more. A version with ' +
    '`rehearsal: refuse` is refused where a claim would replace something; it is rehearsed first, and waited for.',
  arguments: { name: { summary: 'the template' }, version: { summary: 'the version' } },
  options: CHANGE_OPTIONS,
  examples: ['standby template promote hello v2', 'standby template promote hello v2 --dry-run'],
  run: (context, { version, ...values }) => {
    const farewell = `Promote it again later: the rehearsal of ${values.name} ${version} goes on without you.`;
    return interruptible(context, farewell, (signal) =>
      runChange(context, values, {
        tell: (is) => sentence`Version ${version} of template ${values.name} ${is} active.\n`,
        ask: async (client, { params, query }) => {
          const promoted = { ...params, version };
          if (values.dryRun) {
            return client.call(templateRoutes.promoteVersion, { params: promoted, query });
          }
          const progress = createProgress(context);
          const body = await promoteVersion({ ...context.kit, client }, promoted, {
            signal,
            onWaiting: () => progress.say('A claim of its pools is rehearsed …'),
          }).finally(() => progress.clear());
          return { body };
        },
      }),
    );
  },
});
