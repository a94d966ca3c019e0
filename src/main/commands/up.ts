// `standby up`: everything on this machine, from nothing.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { defineCommand, type CommandContext, type ExitStatus } from '../../cli/command.ts';
import type { Config } from '../../config/config.ts';
import { dataDir } from '../../config/data-dir.ts';
import { openDataFolder } from '../installation/data-folder.ts';
import { occupy } from '../installation/instance.ts';
import { createProgress } from '../progress.ts';
import { programName } from '../up/program-name.ts';
import { runUp } from '../up/up.ts';
import { ALL_OPTIONS, configOf } from './setting-options.ts';

export const command = defineCommand({
  name: 'up',
  summary: 'Run everything on this machine: control plane, daemon and an embedded PostgreSQL',
  description:
    'The first start makes an administrator, pushes the example templates and fills their pools. ' +
    'Ctrl-C stops the servers; workspaces go on living until `standby down`. Settings come from ' +
    'flags, the environment or STANDBY_CONFIG_FILE: see docs/configuration.md.',
  arguments: {},
  options: ALL_OPTIONS,
  examples: ['standby up', 'standby up --http-port 0 --data-dir ./data'],
  run: (context, values) => up(context, configOf(context.environment, values)),
});

async function up(context: CommandContext, config: Config): Promise<ExitStatus> {
  const { kit, io } = context;
  const folder = await openDataFolder(dataDir(context.environment, config.dataDir));
  const occupation = await occupy(kit, folder);
  if (occupation.kind === 'taken') {
    const { url, process } = occupation.by;
    io.err(
      `Standby already runs here: ${url ?? 'starting'} (process ${process.pid}, ${folder.path})\n`,
    );
    return 0;
  }
  try {
    await mkdir(path.dirname(folder.logFile), { recursive: true, mode: 0o700 });
    const progress = createProgress(io);
    progress.done('data', folder.path);
    const startedMs = kit.clock.monotonicMs();
    const { livingWorkspaces } = await runUp({
      config,
      folder,
      progress,
      signal: context.interrupt(),
      onListening: (url) => occupation.announce(url),
      onWarm: (url, template) => {
        const seconds = Math.round((kit.clock.monotonicMs() - startedMs) / 1000);
        io.out(
          readyText({
            url,
            template,
            seconds,
            program: programName(process.argv[1], process.cwd()),
          }),
        );
      },
    });
    io.err(goodbyeText(livingWorkspaces, programName(process.argv[1], process.cwd())));
    return 0;
  } finally {
    await occupation.release();
  }
}

function readyText(ready: {
  readonly url: string;
  readonly template: string | undefined;
  readonly seconds: number;
  readonly program: string;
}): string {
  const claim =
    ready.template === undefined
      ? ''
      : `\nClaim a workspace:\n\n  ${ready.program} create demo --template ${ready.template}\n`;
  return `\nStandby is ready at ${ready.url} after ${ready.seconds} s.\n${claim}\n`;
}

function goodbyeText(living: number, program: string): string {
  if (living === 0) return 'Standby has stopped. No workspace is running.\n';
  const [noun, verb] = living === 1 ? ['workspace', 'goes'] : ['workspaces', 'go'];
  return `Standby has stopped. ${living} ${noun} ${verb} on living; \`${program} down\` stops them.\n`;
}
