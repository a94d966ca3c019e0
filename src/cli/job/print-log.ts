// The log of a job on standard output.
import type { Client } from '../../client/client.ts';
import { followJobLog, readJobLog } from '../../client/job-log.ts';
import type { JobLogEnd, LogEntryView } from '../../contract/job/schema.ts';
import type { CommandContext, ExitStatus } from '../command.ts';
import { interruptible } from '../session/interruptible.ts';
import { colorsOf, type Colors } from '../show/colors.ts';
import { harmless, harmlessJson, harmlessLine } from '../show/harmless.ts';

const PRUNED = 'Its log was taken away: the job ended too long ago.\n';

/** Prints the lines, with --json each as one document; who follows is told how the job ended. */
export function printJobLog(
  context: CommandContext,
  client: Client,
  { job, follow }: { readonly job: string; readonly follow: boolean },
): Promise<ExitStatus> {
  const { io, kit, globals } = context;
  const colors = colorsOf(context);
  const print = (entry: LogEntryView): void => {
    io.out(globals.json ? `${harmlessJson(entry)}\n` : `${render(entry, colors)}\n`);
  };
  return interruptible(context, 'The job goes on.', async (signal) => {
    if (!follow) {
      const { pruned } = await readJobLog(client, job, { signal, onLine: print });
      if (pruned && !globals.json) io.err(PRUNED);
      return 0;
    }
    for await (const { event, data } of followJobLog({ ...kit, client }, job, { signal })) {
      if (event === 'line') print(data);
      else if (!globals.json) io.err(`${data.pruned ? PRUNED : ''}${describeEnd(data)}\n`);
    }
    return 0;
  });
}

function render({ at, level, line }: LogEntryView, colors: Colors): string {
  const text = harmlessLine(line);
  const shown = { debug: colors.dim, info: String, warn: colors.yellow, error: colors.red };
  return `${colors.dim(at)}  ${shown[level](text)}`;
}

function describeEnd({ status, error }: JobLogEnd): string {
  const ended = status === 'canceled' ? 'was canceled' : `has ${status}`;
  return error === null ? `The job ${ended}.` : `The job ${ended}: ${harmless(error)}`;
}
