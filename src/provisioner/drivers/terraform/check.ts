// Checks a pushed version: Terraform finds it valid, and its variables fit its parameters.
import path from 'node:path';
import { AppError } from '../../../base/app-error.ts';
import type { DriverContext, JobTemplate } from '../../driver.ts';
import { findRefusedValues } from './check-values.ts';
import { findMismatches, stateNotes } from './module/match.ts';
import { readModule } from './module/module.ts';
import { init, openProject, type ProjectDeps } from './project.ts';
import { validate } from './validate.ts';

/** Throws TEMPLATE_REFUSED with everything that is wrong. */
export async function checkTemplate(
  deps: ProjectDeps,
  template: JobTemplate,
  context: DriverContext,
): Promise<void> {
  const stateFile = path.join(context.folder, 'unused.tfstate');
  const project = await openProject(deps, template, { context, stateFile });
  // First the state's place: with another backend left in force, init would ask that one.
  await init(deps, project);
  await validate(project.commands);
  const module = await readModule(project.commands.folder, deps.tool.product);
  const mismatches = findMismatches(module, template.manifest);
  if (mismatches.length > 0) throw new AppError('TEMPLATE_REFUSED', mismatches.join('; '));
  const { commands } = project;
  const { product } = deps.tool;
  const refused = await findRefusedValues({ commands, product, module }, template.manifest);
  if (refused.length > 0) throw new AppError('TEMPLATE_REFUSED', refused.join('; '));
  for (const note of stateNotes(module)) project.commands.log('warn', note);
}
