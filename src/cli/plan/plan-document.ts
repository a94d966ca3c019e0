// One document of `standby plan --snapshot` into its answer: a plan, or what is wrong with it.
import type { ErrorCode } from '../../base/error-catalog.ts';
import { summarizeIssues, tellIssues } from '../../contract/issue.ts';
import { planInputSchema } from '../../contract/plan/snapshot.ts';
import { viewPlan, type PlanView } from '../../contract/plan/view.ts';
import { decidePreset } from '../../domain/pool/decide.ts';
import type { SourceDocument } from './read-documents.ts';

export type PlanAnswer =
  PlanView | { readonly error: { readonly code: ErrorCode; readonly detail: string } };

/** The plan for a snapshot; a document that is none gives an error that names the line. */
export function planDocument({ line, text }: SourceDocument): PlanAnswer {
  const fail = (code: ErrorCode, problem: string): PlanAnswer => ({
    error: { code, detail: `line ${line}: ${problem}` },
  });
  if (text === undefined) return fail('MALFORMED_JSON', 'the bytes are not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail('MALFORMED_JSON', error instanceof Error ? error.message : String(error));
  }
  const parsed = planInputSchema.safeParse(value);
  if (!parsed.success) {
    return fail('SNAPSHOT_INVALID', summarizeIssues(tellIssues(parsed.error, value, [])));
  }
  const input = parsed.data;
  return viewPlan(decidePreset(input.snapshot, input.now, input));
}
