// Which resources a plan destroys to make them anew, and what forces it. In a claim that defeats the
// pool: what was made ahead of time is thrown away.
import { z } from 'zod';

const planSchema = z.object({
  resource_changes: z
    .array(
      z.object({
        address: z.string(),
        change: z.object({
          actions: z.array(z.string()),
          /** Each a way through the resource's arguments: names, and positions in lists. */
          replace_paths: z.array(z.array(z.union([z.string(), z.number()]))).nullish(),
        }),
      }),
    )
    .default([]),
});

export interface Replacement {
  readonly address: string;
  /** Empty where the plan does not say, as for a resource that is tainted. */
  readonly paths: readonly string[];
}

/** Reads what `terraform show -json` says of a plan. */
export function findReplacements(plan: string): readonly Replacement[] {
  const { resource_changes: changes } = planSchema.parse(JSON.parse(plan));
  return changes.flatMap(({ address, change: { actions, replace_paths: paths } }) =>
    actions.includes('delete') && actions.includes('create')
      ? [{ address, paths: (paths ?? []).map(toPath) }]
      : [],
  );
}

function toPath(steps: readonly (string | number)[]): string {
  return steps
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1);
}
