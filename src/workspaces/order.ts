// One request on its way to a workspace, with what several of its steps need.
import type { Requester, WantedWorkspace, WorkspaceRequest } from './request.ts';

export interface Order {
  readonly requester: Requester;
  readonly request: WorkspaceRequest;
  readonly wanted: WantedWorkspace;
  readonly bodyHash: Buffer;
  /** How long judging took. */
  readonly resolveMs: number;
}
