// A template's module made ready for one attempt: unpacked, its state in the attempt's folder, its
// variables in a file that only this user may read, and initialised.
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, toAppError } from '../../../base/app-error.ts';
import type { Kit } from '../../../base/kit.ts';
import type { KeyedMutex } from '../../../base/keyed-mutex.ts';
import type { DriverContext, JobTemplate } from '../../driver.ts';
import type { Environment } from '../../tool/environment.ts';
import type { Redactor } from '../../tool/redact.ts';
import type { Patience } from '../../tool/run-tool.ts';
import { runCommand, type CommandDeps } from './command.ts';
import { environmentFor, listCredentials } from './environment.ts';
import { ERRORED_FILE, MODULE_FOLDER } from './errored-state.ts';
import { describeTool, type TerraformTool } from './find-tool.ts';
import { PROVIDERS, type InitCache } from './init-cache.ts';
import { OVERRIDE_FILE } from './module/module.ts';
import type { Values } from './module/values.ts';
import { createProgress, type Progress } from './progress.ts';

export interface ProjectDeps {
  readonly kit: Kit;
  readonly tool: TerraformTool;
  readonly cache: InitCache;
  /** So that of several first builds of a version one fetches what all need. */
  readonly turns: KeyedMutex;
  readonly environment: Environment;
  /** Names of variables that the operator hands on. */
  readonly listed: readonly string[];
  readonly cliConfigFile: () => Promise<string>;
  readonly patience: Patience | undefined;
}

export interface Project {
  readonly commands: CommandDeps;
  readonly progress: Progress;
  readonly redactor: Redactor;
  readonly template: JobTemplate;
  /** Beside the module, in the attempt's folder. */
  readonly planFile: string;
  readonly variablesFile: string;
}

const STATES_OF_OTHERS = [
  '.terraform',
  'terraform.tfstate',
  'terraform.tfstate.backup',
  ERRORED_FILE,
];

/** Unpacks the template, its state to be kept in `stateFile`. */
export async function openProject(
  deps: ProjectDeps,
  template: JobTemplate,
  { context, stateFile }: { readonly context: DriverContext; readonly stateFile: string },
): Promise<Project> {
  const unpacked = await context.templateFolder();
  // What a module brings along of somebody's own runs: Terraform would take it for ours.
  for (const name of STATES_OF_OTHERS) {
    await rm(path.join(unpacked, name), { recursive: true, force: true });
  }
  // Only then to where states are rescued from: a daemon may be killed at any point of this.
  const folder = path.join(context.folder, MODULE_FOLDER);
  await rename(unpacked, folder);
  await writeOverride(folder, stateFile);
  const environment = environmentFor({
    daemon: deps.environment,
    listed: deps.listed,
    cliConfigFile: await deps.cliConfigFile(),
    folder: context.folder,
  });
  const { redactor } = context;
  redactor.add(listCredentials(environment));
  const log: DriverContext['log'] = (level, line) => context.log(level, line);
  log('info', describeTool(deps.tool));
  return {
    commands: {
      clock: deps.kit.clock,
      file: deps.tool.file,
      environment,
      folder,
      outputFolder: context.folder,
      signal: context.signal,
      log,
      redact: (text) => redactor.redact(text),
      patience: deps.patience,
    },
    progress: createProgress(deps.kit.clock, log),
    redactor,
    template,
    planFile: path.join(context.folder, 'terraform.plan'),
    variablesFile: path.join(context.folder, 'variables.tfvars.json'),
  };
}

/**
 * `terraform init`. What an earlier one fetched for the same version is all that it may use then:
 * with a mere cache it would ask every provider's registry again, and fail when one is away.
 */
export async function init(deps: ProjectDeps, project: Project): Promise<void> {
  const { cache, turns } = deps;
  const { folder, signal, log } = project.commands;
  const key = `${deps.tool.product}-${project.template.file_hash}`;
  const fetchAndKeep = async (): Promise<void> => {
    await runInit(project);
    await cache.keep(key, folder);
  };
  const useKept = async (): Promise<void> => {
    try {
      await runInit(project, `-plugin-dir=${PROVIDERS}`);
    } catch (error) {
      if (signal.aborted || toAppError(error).code !== 'BUILD_FAILED') throw error;
      log('warn', 'what was kept of an earlier build does not do: it is fetched again');
      await cache.drop(key, folder);
      await fetchAndKeep();
    }
  };
  if (await cache.adopt(key, folder)) return useKept();
  await turns.run(key, async () => ((await cache.adopt(key, folder)) ? useKept() : fetchAndKeep()));
}

function runInit({ commands, progress }: Project, ...options: readonly string[]): Promise<void> {
  const args = ['init', '-json', '-no-color', '-input=false', ...options];
  return runCommand(commands, args, progress.tell);
}

/** Variables are never arguments: those are for everybody on the machine to read. */
export async function writeVariables(project: Project, { values, secrets }: Values): Promise<void> {
  project.redactor.add(secrets);
  await writeFile(project.variablesFile, JSON.stringify(values), { mode: 0o600 });
}

async function writeOverride(folder: string, stateFile: string): Promise<void> {
  const override = { terraform: { backend: { local: { path: stateFile } } } };
  try {
    await writeFile(path.join(folder, OVERRIDE_FILE), JSON.stringify(override), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const detail = `the template has a file ${OVERRIDE_FILE}, which Standby writes itself`;
    throw new AppError('TEMPLATE_REFUSED', detail, { cause: error });
  }
}
