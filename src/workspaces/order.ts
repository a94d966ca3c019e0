// One request on its way to a workspace, with what several of its steps need.
import type { Kit } from '../base/kit.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { Database } from '../store/database.ts';
import type { NoticeBus } from '../store/notice-bus.ts';
import type { ConfirmTogether } from './confirm-together.ts';
import type { KnownTemplates } from './known-templates.ts';
import type { TakeTogether } from './take-together.ts';
import type { Requester, WantedWorkspace, WorkspaceRequest } from './request.ts';

export interface CreateDeps extends Kit {
  readonly database: Database;
  readonly keyring: Keyring;
}

/** How long the agents of what was taken have to answer a claim. */
export interface ProofOptions {
  readonly timeoutMs: number;
  /** How often to look whether they have, should a notice be lost. */
  readonly pollMs: number;
}

/** A notice that is lost must not cost all the time there is. */
export function proofOptions({ timeoutMs, pollMs }: ProofOptions): ProofOptions {
  return { timeoutMs, pollMs: Math.min(pollMs, timeoutMs / 3) };
}

/** For who waits for the answers of agents. */
export interface ProveDeps extends CreateDeps {
  readonly bus: Pick<NoticeBus, 'subscribe'>;
  readonly proof: ProofOptions;
  readonly confirmTogether: ConfirmTogether;
}

/** With what one control plane keeps from request to request. */
export interface ServeDeps extends ProveDeps {
  readonly knownTemplates: KnownTemplates;
  readonly takeTogether: TakeTogether;
  /** How many places in line one person may hold at one time. */
  readonly waitersPerUser: number;
}

export interface Order {
  readonly requester: Requester;
  readonly request: WorkspaceRequest;
  readonly wanted: WantedWorkspace;
  readonly bodyHash: Buffer;
  /** How long judging took. */
  readonly resolveMs: number;
}
