// A planned build as it goes over the wire.
import type { WorkspaceId } from '../../base/id.ts';
import type { PlannedBuildView } from '../../contract/workspace/planned-build.ts';
import type { PreviewedParameter, RebuildPreview } from '../../workspaces/preview-rebuild.ts';

export function toPlannedBuildView(
  workspaceId: WorkspaceId,
  { action, from, to, parameters, agents, refusals }: RebuildPreview,
): PlannedBuildView {
  return {
    workspace_id: workspaceId,
    action,
    ...{ from_version: from, to_version: to },
    parameters: parameters.map(toPlannedParameter),
    agents_added: [...agents.added],
    agents_removed: [...agents.removed],
    refusals: refusals.map(({ code, detail, hint, fields }) => ({ ...fields, code, detail, hint })),
  };
}

/** Whether a sensitive one has a value is told, and no value. */
function toPlannedParameter({
  name,
  from,
  to,
  isSensitive: sensitive,
}: PreviewedParameter): PlannedBuildView['parameters'][number] {
  const change = from === null ? 'added' : to === null ? 'removed' : 'changed';
  return sensitive
    ? { name, change, from: null, to: null, sensitive }
    : { name, change, from, to, sensitive };
}
