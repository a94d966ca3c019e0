// A planned build in words, and as the error that it would end with.
import { AppError } from '../../base/app-error.ts';
import { isErrorCode } from '../../base/error-catalog.ts';
import type { PlannedBuildView } from '../../contract/workspace/planned-build.ts';
import { sentence } from '../show/harmless.ts';

export function describePlannedBuild(name: string, plan: PlannedBuildView): string {
  const { refusals, parameters, agents_added: added, agents_removed: removed } = plan;
  return [
    describeAction(name, plan),
    ...parameters.map(describeParameter),
    ...added.map((agent) => sentence`  agent ${agent}: added\n`),
    ...removed.map((agent) => sentence`  agent ${agent}: removed\n`),
    ...refusals.map(
      ({ code, detail, hint }) => sentence`It would be refused: ${detail} (${code})\n  ${hint}\n`,
    ),
  ].join('');
}

/** The first refusal; undefined where there is none. */
export function findRefusal({ refusals: [refusal] }: PlannedBuildView): AppError | undefined {
  if (refusal === undefined) return undefined;
  const { code, detail, hint, ...fields } = refusal;
  if (isErrorCode(code)) return new AppError(code, { detail, hint, fields });
  // A newer server knows more codes.
  return new AppError('BAD_REQUEST', {
    detail: `${code}: ${detail}`,
    hint,
    fields: { ...fields, server_code: code },
  });
}

function describeAction(name: string, { action, ...plan }: PlannedBuildView): string {
  const { from_version: from, to_version: to } = plan;
  if (action === 'none') {
    return sentence`${name} runs version ${to} with these values: nothing would be done.\n`;
  }
  const done = action === 'restart' ? 'stopped, and built anew' : 'built anew';
  return from === to
    ? sentence`${name} would be ${done} with version ${to}, as before.\n`
    : sentence`${name} would be ${done} with version ${to} instead of ${from}.\n`;
}

function describeParameter({
  name,
  change,
  from,
  to,
  sensitive,
}: PlannedBuildView['parameters'][number]): string {
  if (sensitive || from === null || to === null) {
    const value = sensitive ? '' : ` (${from ?? to ?? ''})`;
    return sentence`  parameter ${name}: ${change}${value}\n`;
  }
  return sentence`  parameter ${name}: ${from} -> ${to}\n`;
}
