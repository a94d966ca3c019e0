// `standby keys rotate`
import type { Client } from '../../../client/client.ts';
import { keyRoutes } from '../../../contract/key/route.ts';
import { defineCommand, type CommandContext, type ExitStatus } from '../../command.ts';
import { interruptible } from '../../session/interruptible.ts';
import { connect } from '../../session/target.ts';
import { answer } from '../../show/answer.ts';
import { sentence } from '../../show/harmless.ts';
import { createProgress } from '../../show/progress.ts';

const POLL_MS = 500;

export const command = defineCommand({
  name: 'keys rotate',
  summary: 'seal stored states and secrets with a new key (administrators)',
  description:
    'What comes is sealed with the new key at once; what is there is sealed anew by the servers, ' +
    'which this waits for. The secret key of the installation stays as it is.',
  arguments: {},
  options: {
    noWait: { kind: 'flag', summary: 'do not wait until all is sealed anew' },
  },
  run: async (context, { noWait }) => {
    const client = await connect(context);
    const { id } = (await client.call(keyRoutes.rotateDataKeys, {})).body;
    if (noWait) return conclude(context, id, await countLeft(client));
    return interruptible(context, 'The servers go on sealing anew.', async (signal) => {
      const progress = createProgress(context);
      for (;;) {
        const left = await countLeft(client);
        if (left === 0) break;
        progress.say(`${left} values are still to be sealed anew`);
        await context.kit.clock.sleep(POLL_MS, signal);
      }
      progress.clear();
      return conclude(context, id, 0);
    });
  },
});

function conclude(context: CommandContext, id: string, left: number): ExitStatus {
  answer(context, { id, left }, () =>
    left === 0
      ? sentence`Everything is sealed with key ${id}.\n`
      : sentence`Key ${id} is the current one; ${String(left)} values are still to be sealed anew.\n`,
  );
  return 0;
}

/** What is still sealed with retired keys. */
async function countLeft(client: Client): Promise<number> {
  const { items } = (await client.call(keyRoutes.listDataKeys, {})).body;
  const retired = items.filter((key) => key.retired_at !== null);
  return retired.reduce((sum, key) => sum + key.sealed, 0);
}
