// A rehearsal in words.
import type { RehearsalView } from '../../contract/rehearsal/schema.ts';

/** `clean: a claim destroys nothing`, `failed: terraform plan failed: …`. */
export function describeRehearsal({ status, findings, error }: RehearsalView): string {
  switch (status) {
    case 'off':
      return 'off: the template wants none';
    case 'not_applicable':
      return 'not applicable: the driver makes no plans';
    case 'waiting':
      return `waits for a good prebuild${error === null ? '' : `: ${error}`}`;
    case 'running':
      return 'under way';
    case 'clean':
      return 'clean: a claim destroys nothing';
    case 'replaces':
      return `a claim does not keep ${findings.length === 1 ? '1 resource' : `${findings.length} resources`}`;
    case 'failed':
      return `failed: ${error ?? 'no reason was told'}`;
  }
}
