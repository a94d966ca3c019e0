// What Terraform has to say against a configuration or a change: with file, line and the lines meant.
import { z } from 'zod';
import { maybe } from './json-field.ts';

export const diagnosticSchema = z.object({
  severity: z.string(),
  summary: z.string(),
  detail: z.string().default(''),
  /** The resource it is about. */
  address: maybe(z.string()),
  range: maybe(z.object({ filename: z.string(), start: z.object({ line: z.int() }) })),
  snippet: maybe(z.object({ code: z.string(), start_line: z.int() })),
});

export type Diagnostic = z.output<typeof diagnosticSchema>;

/** More than these are told by the log only. */
const MAX_TOLD = 5;

/** One sentence: `main.tf:3: Unsupported argument: An argument named …`. */
export function describeDiagnostic(diagnostic: Diagnostic): string {
  const { summary, detail } = diagnostic;
  const told = [placeOf(diagnostic), summary, detail].filter((part) => part !== '');
  return told.map(onOneLine).join(': ');
}

export function describeDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const told = diagnostics.slice(0, MAX_TOLD).map(describeDiagnostic);
  const more = diagnostics.length - told.length;
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** The lines of a log: what is wrong and where, the lines meant, the explanation. */
export function diagnosticLines(diagnostic: Diagnostic): readonly string[] {
  const { summary, detail, snippet } = diagnostic;
  const place = placeOf(diagnostic);
  const code = snippet?.code.split('\n') ?? [];
  const firstLine = snippet?.start_line ?? 0;
  return [
    `${place === '' ? '' : `${place}: `}${onOneLine(summary)}`,
    ...code.map((line, index) => `  ${firstLine + index} │ ${line}`),
    ...detail.split('\n').filter((line) => line.trim() !== ''),
  ];
}

function placeOf({ range, address }: Diagnostic): string {
  const place = range === undefined ? '' : `${range.filename}:${range.start.line}`;
  return [place, address ?? ''].filter((part) => part !== '').join(', ');
}

function onOneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}
