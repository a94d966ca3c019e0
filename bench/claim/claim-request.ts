// One claim, however it is made.
import type { Person } from './ground.ts';

export interface ClaimRequest {
  readonly person: Person;
  readonly template: string;
  /** Of the workspace; the request's idempotency key as well. */
  readonly name: string;
}

export interface Claimed {
  readonly claimed: boolean;
  readonly workspaceId: string;
}

export type Claim = (request: ClaimRequest) => Promise<Claimed>;
