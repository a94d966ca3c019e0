// `standby up`: everything on this machine, from nothing.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { defineCommand, type CommandContext, type ExitStatus } from '../../cli/command.ts';
import type { Config } from '../../config/config.ts';
import { dataDir } from '../../config/data-dir.ts';
import { openDataFolder, type DataFolder } from '../installation/data-folder.ts';
import { occupy, type Instance } from '../installation/instance.ts';
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
  const { kit, io, globals } = context;
  const folder = await openDataFolder(dataDir(context.environment, config.dataDir));
  const occupation = await occupy(kit, folder);
  if (occupation.kind === 'taken') {
    tellTaken(context, folder, occupation.by);
    return 0;
  }
  try {
    await mkdir(path.dirname(folder.logFile), { recursive: true, mode: 0o700 });
    const progress = createProgress(context);
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
        const ready: Ready = { url, template: template ?? null, seconds };
        io.out(globals.json ? `${JSON.stringify(ready)}\n` : readyText(ready, ownName()));
      },
    });
    if (!globals.json) io.err(goodbyeText(livingWorkspaces, ownName()));
    return 0;
  } finally {
    await occupation.release();
  }
}

function ownName(): string {
  return programName(process.argv[1], process.cwd());
}

function tellTaken({ io, globals }: CommandContext, folder: DataFolder, by: Instance): void {
  const { url, process } = by;
  if (globals.json) {
    io.out(`${JSON.stringify({ url, already_running: true, pid: process.pid })}\n`);
    return;
  }
  io.err(
    `Standby already runs here: ${url ?? 'starting'} (process ${process.pid}, ${folder.path})\n`,
  );
}

/** What --json answers once the pools are warm. */
interface Ready {
  readonly url: string;
  /** To claim a workspace from. */
  readonly template: string | null;
  readonly seconds: number;
}

function readyText({ url, template, seconds }: Ready, program: string): string {
  const claim =
    template === null
      ? ''
      : `\nClaim a workspace:\n\n  ${program} create demo --template ${template}\n`;
  return `\nStandby is ready at ${url} after ${seconds} s.\n${claim}\n`;
}

function goodbyeText(living: number, program: string): string {
  if (living === 0) return 'Standby has stopped. No workspace is running.\n';
  const [noun, verb] = living === 1 ? ['workspace', 'goes'] : ['workspaces', 'go'];
  return `Standby has stopped. ${living} ${noun} ${verb} on living; \`${program} down\` stops them.\n`;
}
