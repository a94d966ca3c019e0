// Notices: hints, sent after a commit, that something changed. They carry ids only. Every receiver
// reads the world again, and polling finds what a lost notice would have told.
import type {
  DaemonId,
  JobId,
  OrganizationId,
  PoolId,
  ProvisionerKeyId,
  WaiterId,
  WorkspaceId,
} from '../base/id.ts';

export type Notice =
  /** A pool may have something to decide. */
  | { readonly kind: 'pool'; readonly poolId: PoolId }
  /** A pool comes on as it should: there is something to decide where somebody or something waits for that. */
  | { readonly kind: 'progress'; readonly poolId: PoolId }
  /** Somebody joined the pool's line or came back to it: it has something to decide at once. */
  | { readonly kind: 'line'; readonly poolId: PoolId }
  /** The settings of prebuilds changed: every pool may have something to decide. */
  | { readonly kind: 'prebuilds' }
  /** A workspace changed: its owner, a build, an agent. */
  | { readonly kind: 'workspace'; readonly workspaceId: WorkspaceId }
  /** A workspace has another owner, of whom its agents are to be told: of all else that changes they need not hear. */
  | { readonly kind: 'owner'; readonly workspaceId: WorkspaceId }
  /** Somebody who waited for a prebuild was served, or waits no more. */
  | { readonly kind: 'waiter'; readonly waiterId: WaiterId }
  /** A job changed its status, or somebody asked for its cancellation. */
  | { readonly kind: 'job'; readonly jobId: JobId }
  /** Something that a daemon works on was asked to stop. */
  | { readonly kind: 'cancel'; readonly daemonId: DaemonId }
  /** Work waits for a daemon of this driver. */
  | { readonly kind: 'queue'; readonly organizationId: OrganizationId; readonly driver: string }
  /** A daemon appeared, of an organization or (null) for all: more can be built than before. */
  | { readonly kind: 'daemon'; readonly organizationId: OrganizationId | null }
  /** A provisioner key was revoked. */
  | { readonly kind: 'provisioner_key'; readonly keyId: ProvisionerKeyId }
  /** A lease was given up: somebody else may take it at once. */
  | { readonly kind: 'lease'; readonly name: string };

/** Stands for all organizations in a key. */
const SITE = '*';

/** Equal notices have equal keys; what waits to be sent is kept by key. */
export function noticeKey(notice: Notice): string {
  switch (notice.kind) {
    case 'pool':
      return `pool ${notice.poolId}`;
    case 'progress':
      return `progress ${notice.poolId}`;
    case 'line':
      return `line ${notice.poolId}`;
    case 'prebuilds':
      return 'prebuilds';
    case 'workspace':
      return `workspace ${notice.workspaceId}`;
    case 'owner':
      return `owner ${notice.workspaceId}`;
    case 'waiter':
      return `waiter ${notice.waiterId}`;
    case 'job':
      return `job ${notice.jobId}`;
    case 'cancel':
      return `cancel ${notice.daemonId}`;
    case 'queue':
      return `queue ${notice.organizationId} ${notice.driver}`;
    case 'daemon':
      return `daemon ${notice.organizationId ?? SITE}`;
    case 'provisioner_key':
      return `provisioner_key ${notice.keyId}`;
    case 'lease':
      return `lease ${notice.name}`;
  }
}

/** The notice a key stands for, or undefined when the text is none (a newer version may send more kinds). */
export function parseNoticeKey(key: string): Notice | undefined {
  const [kind, id, driver] = key.split(' ');
  if (kind === 'prebuilds') return { kind };
  if (id === undefined) return undefined;
  switch (kind) {
    case 'pool':
    case 'progress':
    case 'line':
      return { kind, poolId: id as PoolId };
    case 'workspace':
    case 'owner':
      return { kind, workspaceId: id as WorkspaceId };
    case 'waiter':
      return { kind, waiterId: id as WaiterId };
    case 'job':
      return { kind, jobId: id as JobId };
    case 'cancel':
      return { kind, daemonId: id as DaemonId };
    case 'queue':
      return driver === undefined
        ? undefined
        : { kind, organizationId: id as OrganizationId, driver };
    case 'daemon':
      return { kind, organizationId: id === SITE ? null : (id as OrganizationId) };
    case 'provisioner_key':
      return { kind, keyId: id as ProvisionerKeyId };
    case 'lease':
      return { kind, name: id };
    default:
      return undefined;
  }
}
