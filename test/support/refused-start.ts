// A start by schedule that is refused, and what the owner is shown of it.
import type { UserId, WorkspaceId } from '../../src/base/id.ts';
import { toWorkspaceView } from '../../src/api/workspace/view.ts';
import type { WorkspaceView } from '../../src/contract/workspace/schema.ts';
import { findWorkspaces } from '../../src/store/workspace.ts';
import type { TestStore } from './store.ts';

/** It is what its owner may not spend any more. */
export async function forbid(store: TestStore, id: WorkspaceId): Promise<void> {
  await store.sql(
    `update template_versions v
     set manifest = v.manifest || '{"cost": {"hourly": 1, "currency": "EUR"}}'
     from builds b
     where b.version_id = v.id and b.workspace_id = $1`,
    [id],
  );
  await store.sql(
    `update organizations o
     set enforces_quota = true
     from workspaces w
     where w.organization_id = o.id and w.id = $1`,
    [id],
  );
}

export async function allow(
  store: TestStore,
  { id, ann }: { readonly id: WorkspaceId; readonly ann: UserId },
): Promise<void> {
  await store.sql(
    `with allowing as (
       insert into groups (id, organization_id, name, display_name, quota_allowance, created_at)
       select gen_random_uuid(), organization_id, 'enough', 'enough', 2400, standby_now()
       from workspaces where id = $1
       returning id
     )
     insert into group_members (group_id, user_id)
     select id, $2 from allowing`,
    [id, ann],
  );
}

/** What its owner is shown of the last start that could not be. */
export async function readRefused(
  store: TestStore,
  id: WorkspaceId,
): Promise<NonNullable<WorkspaceView['autostart']>['refused'] | undefined> {
  const [row] = await findWorkspaces.all(store.database, { ids: [id] });
  return toWorkspaceView(row!).autostart?.refused;
}
