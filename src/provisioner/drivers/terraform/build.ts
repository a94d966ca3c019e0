// One transition of one workspace: a plan and its apply, or a destroy.
import { toAppError } from '../../../base/app-error.ts';
import type { Replacement } from '../../../contract/provisioner/protocol.ts';
import { REPLACEMENTS } from '../../../domain/job/replacement.ts';
import { statesOf } from '../../../domain/state.ts';
import type { Build, DriverContext } from '../../driver.ts';
import { askCommand, runCommand } from './command.ts';
import type { TerraformEvent } from './event.ts';
import { readModule, type Module } from './module/module.ts';
import { valuesFor } from './module/values.ts';
import { init, openProject, writeVariables, type Project, type ProjectDeps } from './project.ts';
import { DESTROYS, findReplacements, type Action } from './replacement.ts';
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
  if (await plan(project, actionsOf(given.build))) await tellReplaced(project, given);
  // The plan holds the values, but for those that are in no plan.
  const isEphemeral = [...module.variables.values()].some(({ ephemeral }) => ephemeral);
  const variables = isEphemeral ? [variablesOption(project)] : [];
  const args = ['apply', ...COMMON_OPTIONS, ...variables, project.planFile];
  await runCommand(project.commands, args, project.progress.tell);
}

/** Plans the build of a claim, and tells what it would do that no claim should. */
export async function rehearse(deps: ProjectDeps, given: Given): Promise<void> {
  const { project } = await prepare(deps, given);
  const { claim } = given.build.template.manifest;
  const actions = claim === 'instant' ? statesOf(REPLACEMENTS) : DESTROYS;
  if (!(await plan(project, actions))) return;
  const found = await readReplacements(project, actions);
  given.context.tellReplaced(found);
  for (const one of found) project.commands.log('warn', describe(one, 'a claim'));
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

/** Makes the plan; gives whether anything is to happen that is one of these. */
async function plan(project: Project, actions: readonly string[]): Promise<boolean> {
  const found = new Set<string>();
  const onEvent = (event: TerraformEvent): void => {
    if (event.type === 'planned_change' && event.change !== undefined) {
      const { action, resource } = event.change;
      if (actions.includes(action)) found.add(resource.addr);
    }
    project.progress.tell(event);
  };
  const args = ['plan', ...COMMON_OPTIONS, variablesOption(project), `-out=${project.planFile}`];
  await runCommand(project.commands, args, onEvent);
  return found.size > 0;
}

/** Asked for only where there is something to tell: it starts every provider once more. */
async function readReplacements(
  { commands, planFile }: Project,
  actions: readonly Action[],
): Promise<readonly Replacement[]> {
  const shown = await askCommand(commands, ['show', '-json', '-no-color', planFile]);
  return findReplacements(shown, { actions, redact: commands.redact });
}

/** What cannot be read is not told: a build does not fail for it. */
async function tellReplaced(project: Project, { build, context }: Given): Promise<void> {
  const { commands } = project;
  const isClaim = build.workspace.stage === 'claim';
  try {
    const replaced = await readReplacements(project, actionsOf(build));
    if (isClaim) context.tellReplaced(replaced);
    for (const replacement of replaced) {
      commands.log('warn', describe(replacement, isClaim ? 'this claim' : 'this build'));
    }
  } catch (error) {
    commands.signal.throwIfAborted();
    commands.log('warn', `which resources it destroys cannot be told: ${toAppError(error).code}`);
  }
}

/** A stop destroys what is gone while it is stopped, as its template says. A claim is to destroy nothing. */
function actionsOf({ workspace }: Build): readonly Action[] {
  return workspace.stage === 'claim' ? DESTROYS : ['replace'];
}

const DONE: Readonly<Record<Action, string>> = {
  replace: 'destroys it and makes it anew',
  delete: 'destroys it',
  create: 'makes it',
  update: 'changes it',
};

function describe({ address, action, paths }: Replacement, what: string): string {
  const because = paths.length === 0 ? '' : `, because of ${paths.join(', ')}`;
  return `${address}: ${what} ${DONE[action]}${because}`;
}

function variablesOption({ variablesFile }: Project): string {
  return `-var-file=${variablesFile}`;
}
