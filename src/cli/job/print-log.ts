// The log of a job on standard output.
import type { Client } from '../../client/client.ts';
import { readJobLog } from '../../client/job-log.ts';
import type { LogEntryView } from '../../contract/job/schema.ts';
import type { CommandContext, ExitStatus } from '../command.ts';
import { interruptible } from '../session/interruptible.ts';
import { colorsOf, type Colors } from '../show/colors.ts';
import { harmless } from '../show/harmless.ts';

/** Prints the lines, with --json each as one document. */
export function printJobLog(
  context: CommandContext,
  client: Client,
  { job, follow }: { readonly job: string; readonly follow: boolean },
): Promise<ExitStatus> {
  const { io, kit, globals } = context;
  const colors = colorsOf(context);
  return interruptible(context, 'The job goes on.', async (signal) => {
    const log = readJobLog({ client, clock: kit.clock }, job, { signal, follow });
    for await (const entry of log) {
      io.out(globals.json ? `${JSON.stringify(entry)}\n` : `${render(entry, colors)}\n`);
    }
    return 0;
  });
}

function render({ at, level, line }: LogEntryView, colors: Colors): string {
  const text = harmless(line);
  const shown = { debug: colors.dim, info: String, warn: colors.yellow, error: colors.red };
  return `${colors.dim(at)}  ${shown[level](text)}`;
}
