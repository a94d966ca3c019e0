// The option of commands that change something: say what would happen, and change nothing.
import type { FlagOption } from '../command.ts';

export const DRY_RUN_OPTION = {
  kind: 'flag',
  summary: 'say what would happen, and change nothing',
} as const satisfies FlagOption;

export interface DryRunQuery {
  readonly dry_run: 'true' | 'false';
}

export function dryRunQuery(dryRun: boolean): DryRunQuery {
  return { dry_run: dryRun ? 'true' : 'false' };
}
