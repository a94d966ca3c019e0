// How long claims took, as whoever asked has seen it.
import type { Kit } from '../../base/kit.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';

/** What of the claimed workspace, as it is answered with, tells whether it was ready at once. */
type ClaimedWorkspace = Pick<WorkspaceView, 'usable'> & {
  readonly agents: readonly Pick<WorkspaceView['agents'][number], 'kind'>[];
  readonly latest_build: Pick<WorkspaceView['latest_build'], 'stage'>;
};

export function measureClaim(
  { meter }: Pick<Kit, 'meter'>,
  ms: number,
  workspace: ClaimedWorkspace,
): void {
  meter.observe('claim_duration', ms);
  if (isReadyAtOnce(workspace)) meter.observe('claim_to_ready', ms);
}

/**
 * Otherwise a build hands it over, or its agents take its owner over, and it is ready with the end of that: it is
 * measured there, also where that was before the answer.
 */
function isReadyAtOnce({ usable, agents, latest_build: { stage } }: ClaimedWorkspace): boolean {
  return usable && stage !== 'claim' && agents.every(({ kind }) => kind !== 'program');
}
