// How long a workspace that is asked for may run and live: as its template says, and as was asked for.
import type { Manifest } from '../../contract/manifest/schema.ts';
import type { GrantedLife } from '../../domain/workspace/life.ts';
import type { WorkspaceRequest } from '../request.ts';

/** A time to live is for who asks to choose; everything else is the template's. */
export function grantLife(
  { ttlSeconds }: Pick<WorkspaceRequest, 'ttlSeconds'>,
  { life }: Pick<Manifest, 'life'>,
): GrantedLife {
  const ttl = ttlSeconds ?? life.ttl_seconds;
  return {
    ttlSeconds: ttl === 0 ? null : ttl,
    lifetimeSeconds: life.max_lifetime_seconds,
    idleStopSeconds: life.idle_stop_seconds,
    dormantAfterSeconds: life.dormant_after_seconds,
    deleteDormantAfterSeconds: life.delete_dormant_after_seconds,
  };
}
