// Sensitive parameters: their values are nobody's to read but the job's that needs them.
import type { ParameterDeclaration, ParameterValues } from './check.ts';

/**
 * Takes what must be kept secret out of checked values. An empty text is no secret: it is the only
 * default that a sensitive parameter may have, and says that nothing was given.
 */
export function splitSensitive(
  declarations: readonly ParameterDeclaration[],
  values: ParameterValues,
): { readonly plain: ParameterValues; readonly secret: ParameterValues } {
  const sensitive = new Set(
    declarations.flatMap((declaration) => (declaration.sensitive ? [declaration.name] : [])),
  );
  const isSecret = ([name, value]: readonly [string, string]): boolean =>
    sensitive.has(name) && value !== '';
  const entries = Object.entries(values);
  return {
    plain: Object.fromEntries(entries.filter((entry) => !isSecret(entry))),
    secret: Object.fromEntries(entries.filter(isSecret)),
  };
}
