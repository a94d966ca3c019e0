// Whether all pools are paused, told and changed.
import { prebuildRoutes, type PrebuildSettingsView } from '../../contract/prebuilds/route.ts';
import type { CommandContext, ExitStatus } from '../command.ts';
import { connect } from '../session/target.ts';
import { answer } from '../show/answer.ts';

export async function showSettings(context: CommandContext): Promise<ExitStatus> {
  const client = await connect(context);
  const { body } = await client.call(prebuildRoutes.getPrebuildSettings, {});
  answer(context, body, describe);
  return 0;
}

export async function storeSettings(
  context: CommandContext,
  settings: PrebuildSettingsView,
): Promise<ExitStatus> {
  const client = await connect(context);
  const { body } = await client.call(prebuildRoutes.putPrebuildSettings, { body: settings });
  answer(context, body, describe);
  return 0;
}

function describe({ reconciliation_paused: paused }: PrebuildSettingsView): string {
  return paused
    ? 'All pools are paused: nothing is built or deleted for any, until `standby prebuilds resume`.\n'
    : 'Pools are kept full, but for those that are paused by themselves (`standby pool list`).\n';
}
