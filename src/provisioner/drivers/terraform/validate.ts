// `terraform validate`: everything that is wrong with a configuration, without asking any cloud.
import { z } from 'zod';
import { askCommand, refused, type CommandDeps } from './command.ts';
import { diagnosticLines, diagnosticSchema } from './diagnostic.ts';

const answerSchema = z.object({ valid: z.boolean(), diagnostics: z.array(diagnosticSchema) });

/** Throws TEMPLATE_REFUSED with what is wrong; warnings go to the log. */
export async function validate(deps: CommandDeps): Promise<void> {
  const answer = await askCommand(deps, ['validate', '-json', '-no-color']);
  const { valid, diagnostics } = answerSchema.parse(JSON.parse(answer));
  for (const diagnostic of diagnostics) {
    const level = diagnostic.severity === 'error' ? 'error' : 'warn';
    for (const line of diagnosticLines(diagnostic)) deps.log(level, line);
  }
  if (valid) return;
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  throw refused(deps, errors);
}
