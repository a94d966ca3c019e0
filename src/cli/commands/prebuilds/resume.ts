// `standby prebuilds resume`
import { defineCommand } from '../../command.ts';
import { storeSettings } from '../../prebuilds/settings.ts';

export const command = defineCommand({
  name: 'prebuilds resume',
  summary: 'end the pause of all pools (administrators)',
  description: 'Every pool has its turn at once. Pools that are paused by themselves stay so.',
  arguments: {},
  options: {},
  run: (context) => storeSettings(context, { reconciliation_paused: false }),
});
