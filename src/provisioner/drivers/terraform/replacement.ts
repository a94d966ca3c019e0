// Which resources a plan destroys, whether to make them anew or not, and what forces it. In a claim
// that defeats the pool: what was made ahead of time is thrown away.
import { z } from 'zod';
import type { Replacement } from '../../../contract/provisioner/protocol.ts';
import { cutReplacements, MAX_PATHS, MAX_REPLACEMENTS } from '../../../domain/job/replacement.ts';

const planSchema = z.object({
  resource_changes: z
    .array(
      z.object({
        address: z.string(),
        /** What an earlier replacement had left to be destroyed: no plan's own. */
        deposed: z.string().optional(),
        change: z.object({
          actions: z.array(z.string()),
          /** Each a way through the resource's arguments: names, positions in lists, members of sets. */
          replace_paths: z.array(z.array(z.unknown())).nullish(),
        }),
      }),
    )
    .default([]),
});

export type Action = Replacement['action'];

/** What the plan of a build of a claim is read for: whatever it destroys. */
export const DESTROYS: readonly Action[] = ['replace', 'delete'];

/** Reads what `terraform show -json` says of a plan. Paths are empty for a resource that is tainted. */
export function findReplacements(
  plan: string,
  {
    actions,
    redact,
  }: { readonly actions: readonly Action[]; readonly redact: (text: string) => string },
): readonly Replacement[] {
  const { resource_changes: changes } = planSchema.parse(JSON.parse(plan));
  const found = changes
    .filter(({ deposed }) => deposed === undefined)
    .flatMap(({ address, change }) => {
      const action = toAction(change.actions);
      return action !== undefined && actions.includes(action) ? [{ address, action, change }] : [];
    })
    .slice(0, MAX_REPLACEMENTS)
    .map(({ address, action, change: { replace_paths: paths } }) => ({
      address: redact(address).slice(0, MAX_CHARS),
      action,
      paths: (paths ?? [])
        .filter((steps) => steps.length > 0)
        .slice(0, MAX_PATHS)
        .map((steps) => redact(toPath(steps)).slice(0, MAX_CHARS)),
    }));
  return cutReplacements(found);
}

/** Undefined for what leaves everything as it is. */
function toAction(actions: readonly string[]): Action | undefined {
  if (actions.includes('delete')) return actions.includes('create') ? 'replace' : 'delete';
  return (['create', 'update'] as const).find((action) => actions.includes(action));
}

/** As long as the protocol takes. */
const MAX_CHARS = 1_024;

function toPath(steps: readonly unknown[]): string {
  const path = steps.map(toStep).join('');
  return path.startsWith('.') ? path.slice(1) : path;
}

function toStep(step: unknown): string {
  if (typeof step === 'string') return `.${step}`;
  // A member of a set is named by its whole value, which may be anything.
  return typeof step === 'number' ? `[${step}]` : '[*]';
}
