// `standby prebuilds status`
import { defineCommand } from '../../command.ts';
import { showSettings } from '../../prebuilds/settings.ts';

export const command = defineCommand({
  name: 'prebuilds status',
  summary: 'say whether all pools are paused',
  arguments: {},
  options: {},
  run: (context) => showSettings(context),
});
