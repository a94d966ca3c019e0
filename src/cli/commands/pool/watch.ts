// `standby pool watch`: the table of pools, again whenever it changes, until interrupted.
import { insist } from '../../../client/insist.ts';
import { defineCommand } from '../../command.ts';
import { readPools } from '../../pool/read.ts';
import { renderPools } from '../../pool/table.ts';
import { chooseOrganization, ORGANIZATION_OPTION } from '../../session/organization.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';

const CLEAR_SCREEN = '\u001b[H\u001b[2J';

export const command = defineCommand({
  name: 'pool watch',
  summary: 'show the pools of an organization whenever they change, until Ctrl-C',
  description: 'With --json, one document a line for each change.',
  arguments: {},
  options: {
    org: ORGANIZATION_OPTION,
    template: { kind: 'text', value: 'NAME', summary: 'only those of a template' },
    interval: {
      kind: 'integer',
      value: 'SECONDS',
      min: 1,
      max: 3_600,
      default: 1,
      summary: 'how often to look',
    },
  },
  run: async (context, { org, template, interval }) => {
    const { io, kit, globals } = context;
    const client = await connect(context);
    const organization = await chooseOrganization(context, client, org);
    const signal = context.interrupt();
    let seen = '';
    try {
      for (;;) {
        const pools = await insist(kit, signal, () =>
          readPools(client, { organization, template }, signal),
        );
        const found = JSON.stringify(pools);
        if (found !== seen) {
          if (io.isOutTty && !globals.json) io.out(CLEAR_SCREEN);
          answer(context, pools, (rows, colors) => renderPools(colors, rows));
        }
        seen = found;
        await kit.clock.sleep(interval * 1_000, signal);
      }
    } catch (error) {
      // Being interrupted is how this ends.
      if (error === signal.reason) return 0;
      throw error;
    }
  },
});
