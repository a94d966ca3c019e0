// The one place where a failure becomes text: for people, or as JSON for programs.
import { createColors } from 'picocolors';
import type { AppError } from '../base/app-error.ts';
import { harmlessJson, harmlessLines } from './show/harmless.ts';

/** {code, message, hint, details} on one line; stable, see docs/errors.md. */
export function renderErrorJson(error: AppError): string {
  const { code, detail, hint, fields } = error;
  return `${harmlessJson({ code, message: detail, hint, details: fields })}\n`;
}

export function renderErrorText(error: AppError, options: { readonly color: boolean }): string {
  const colors = createColors(options.color);
  // A server, a daemon or a file may have had a say in the text.
  const detail = harmlessLines(error.detail);
  const lines = [`${colors.red('error:')} ${detail} ${colors.dim(`(${error.code})`)}`];
  lines.push(`${colors.bold('hint:')} ${harmlessLines(error.hint)}`);
  // A fault of ours: whoever reports it needs the place.
  if (
    error.code === 'INTERNAL' &&
    error.cause instanceof Error &&
    error.cause.stack !== undefined
  ) {
    lines.push(colors.dim(harmlessLines(error.cause.stack)));
  }
  return `${lines.join('\n')}\n`;
}
