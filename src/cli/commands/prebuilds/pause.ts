// `standby prebuilds pause`
import { defineCommand } from '../../command.ts';
import { storeSettings } from '../../prebuilds/settings.ts';

export const command = defineCommand({
  name: 'prebuilds pause',
  summary: 'stop building and deleting for all pools (administrators)',
  description:
    'Once this has answered, nothing is built or deleted for any pool until `standby prebuilds resume`. ' +
    'What is ready can still be claimed; builds that are under way come to their end.',
  arguments: {},
  options: {},
  run: (context) => storeSettings(context, { reconciliation_paused: true }),
});
