// One transition of one workspace: a plan and its apply, or a destroy.
import { toAppError } from '../../../base/app-error.ts';
import type { Replacement } from '../../../contract/provisioner/protocol.ts';
import type { Build, DriverContext } from '../../driver.ts';
import { askCommand, runCommand } from './command.ts';
import type { TerraformEvent } from './event.ts';
import { readModule, type Module } from './module/module.ts';
import { valuesFor } from './module/values.ts';
import { init, openProject, writeVariables, type Project, type ProjectDeps } from './project.ts';
import { findReplacements } from './replacement.ts';
import { listSecrets, type State } from './state.ts';

export interface Given {
  readonly build: Build;
  readonly context: DriverContext;
  readonly stateFile: string;
  /** What the state file holds before; undefined when there was none. */
  readonly state: State | undefined;
}

/** Makes the workspace as its module and its values say. */
export async function apply(deps: ProjectDeps, given: Given): Promise<void> {
  const { project, module } = await prepare(deps, given);
  await plan(project, given);
  // The plan holds the values, but for those that are in no plan.
  const isEphemeral = [...module.variables.values()].some(({ ephemeral }) => ephemeral);
  const variables = isEphemeral ? [variablesOption(project)] : [];
  const args = ['apply', ...COMMON_OPTIONS, ...variables, project.planFile];
  await runCommand(project.commands, args, project.progress.tell);
}

/** Takes everything away that the state names. */
export async function destroy(deps: ProjectDeps, given: Given): Promise<void> {
  const { project } = await prepare(deps, given);
  const args = ['destroy', ...COMMON_OPTIONS, '-auto-approve', variablesOption(project)];
  await runCommand(project.commands, args, project.progress.tell);
}

const COMMON_OPTIONS = ['-json', '-no-color', '-input=false'];

async function prepare(
  deps: ProjectDeps,
  { build, context, stateFile, state }: Given,
): Promise<{ readonly project: Project; readonly module: Module }> {
  const project = await openProject(deps, build.template, { context, stateFile });
  if (state !== undefined) project.redactor.add(listSecrets(state));
  const module = await readModule(project.commands.folder, deps.tool.product);
  await writeVariables(project, valuesFor(module, build));
  await init(deps, project);
  return { project, module };
}

async function plan(project: Project, { build, context }: Given): Promise<void> {
  const { commands, progress, planFile } = project;
  const isClaim = build.workspace.stage === 'claim';
  // A stop destroys what is gone while it is stopped, as its template says. A claim is to destroy nothing.
  const matters = isClaim ? ['replace', 'delete'] : ['replace'];
  const destroyed = new Set<string>();
  const onEvent = (event: TerraformEvent): void => {
    if (event.type === 'planned_change' && event.change !== undefined) {
      const { action, resource } = event.change;
      if (matters.includes(action)) destroyed.add(resource.addr);
    }
    progress.tell(event);
  };
  const args = ['plan', ...COMMON_OPTIONS, variablesOption(project), `-out=${planFile}`];
  await runCommand(commands, args, onEvent);
  // Asked for only where there is something to tell: it starts every provider once more.
  if (destroyed.size === 0) return;
  const replaced = (await readReplacements(project)).filter(({ action }) =>
    matters.includes(action),
  );
  if (isClaim) context.tellReplaced(replaced);
  for (const replacement of replaced) {
    commands.log('warn', describe(replacement, isClaim ? 'this claim' : 'this build'));
  }
}

/** What cannot be read is not told: a build does not fail for it. */
async function readReplacements({ commands, planFile }: Project): Promise<readonly Replacement[]> {
  try {
    const shown = await askCommand(commands, ['show', '-json', '-no-color', planFile]);
    return findReplacements(shown, commands.redact);
  } catch (error) {
    commands.signal.throwIfAborted();
    commands.log('warn', `which resources it destroys cannot be told: ${toAppError(error).code}`);
    return [];
  }
}

function describe({ address, action, paths }: Replacement, what: string): string {
  const done = action === 'replace' ? 'destroys it and makes it anew' : 'destroys it';
  return `${address}: ${what} ${done}${paths.length === 0 ? '' : `, because of ${paths.join(', ')}`}`;
}

function variablesOption({ variablesFile }: Project): string {
  return `-var-file=${variablesFile}`;
}
