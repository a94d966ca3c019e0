// The one place where a failure becomes text: for people, or as JSON for programs.
import { createColors } from 'picocolors';
import type { AppError } from '../base/app-error.ts';
import { harmless } from './show/harmless.ts';

/** {code, message, hint, details} on one line; stable, see docs/errors.md. */
export function renderErrorJson(error: AppError): string {
  const { code, detail, hint, fields } = error;
  return `${JSON.stringify({ code, message: detail, hint, details: fields })}\n`;
}

export function renderErrorText(error: AppError, options: { readonly color: boolean }): string {
  const colors = createColors(options.color);
  // A server, a daemon or a file may have had a say in the text.
  const [detail, hint] = [error.detail, error.hint].map(harmlessLines);
  const lines = [`${colors.red('error:')} ${detail ?? ''} ${colors.dim(`(${error.code})`)}`];
  lines.push(`${colors.bold('hint:')} ${hint ?? ''}`);
  // A fault of ours: whoever reports it needs the place.
  if (
    error.code === 'INTERNAL' &&
    error.cause instanceof Error &&
    error.cause.stack !== undefined
  ) {
    lines.push(colors.dim(error.cause.stack));
  }
  return `${lines.join('\n')}\n`;
}

/** Further lines are set in, so that none can pass for one of ours. */
function harmlessLines(text: string): string {
  return text.trimEnd().split('\n').map(harmless).join('\n  ');
}
