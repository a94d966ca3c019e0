// What a request for a workspace was served with.
import type { WaiterId, WorkspaceId } from '../base/id.ts';
import type { MissReason } from '../domain/claim/miss-reason.ts';
import type { WorkspaceRow } from '../store/workspace-view.ts';

/** It waits for a prebuild. */
export interface Enlisted {
  readonly waiterId: WaiterId;
}

export interface CreatedWorkspace {
  readonly workspaceId: WorkspaceId;
  /** True when a prebuilt one was handed over. */
  readonly claimed: boolean;
  /** Why not, where a preset was wanted. */
  readonly reason: MissReason | null;
  /** How it was handed over, where no build follows. */
  readonly handedOver?: WorkspaceRow;
  /** Another request of the same key has it already, and its answer counts. */
  readonly isRepeated?: true;
}

export interface Served extends CreatedWorkspace {
  /** Of a claim that its agents have yet to answer. */
  readonly epochToProve?: number;
}
