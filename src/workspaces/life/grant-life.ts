// How long a workspace that is asked for may run and live: as its template says, and as was asked for.
import type { Manifest } from '../../contract/manifest/schema.ts';
import type { WorkspaceRequest } from '../request.ts';

export interface GrantedLife {
  /** After each start; null: for ever. */
  readonly ttlSeconds: number | null;
  /** In all; null: for ever. */
  readonly lifetimeSeconds: number | null;
}

/** A time to live is for who asks to choose; the template alone limits the lifetime. */
export function grantLife(
  { ttlSeconds }: Pick<WorkspaceRequest, 'ttlSeconds'>,
  { life }: Pick<Manifest, 'life'>,
): GrantedLife {
  const ttl = ttlSeconds ?? life.ttl_seconds;
  return { ttlSeconds: ttl === 0 ? null : ttl, lifetimeSeconds: life.max_lifetime_seconds };
}
