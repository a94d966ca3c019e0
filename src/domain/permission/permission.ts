// Who may do what. Everything is denied unless a rule here allows it; roles will be further rules.
import { AppError } from '../../base/app-error.ts';
import type { UserId } from '../../base/id.ts';

export interface Actor {
  readonly userId: UserId;
  /** Of the whole site. */
  readonly isAdmin: boolean;
}

/** What an action is about, as far as permissions depend on it. */
export interface Target {
  /** Whether the actor is a member of the organization that the target belongs to. */
  readonly isMember?: boolean;
  /** Whose the target is. */
  readonly ownerId?: UserId;
}

/** Site administrators may do everything; this is what everybody else needs. */
const NEEDED = {
  'organization.create': 'admin',
  'organization.read': 'membership',
  'member.add': 'admin',
  'group.read': 'membership',
  // Who belongs to what decides what they may spend.
  'group.manage': 'admin',
  'quota.enforce': 'admin',
  'user.create': 'admin',
  'user.list': 'admin',
  'token.create': 'ownership',
  'token.revoke': 'ownership',
  'metrics.read': 'admin',
  'key.list': 'admin',
  'key.rotate': 'admin',
  // Who holds a key is handed jobs, with all that belongs to them.
  'provisioner_key.create': 'admin',
  'provisioner_key.list': 'admin',
  'provisioner_key.revoke': 'admin',
  'template.read': 'membership',
  // A template is code that daemons run.
  'template.push': 'admin',
  'template.promote': 'admin',
  'template.deprecate': 'admin',
  'template.delete': 'admin',
  'template.invalidate': 'admin',
  // Reads and claims go on; what a pool costs is decided by this.
  'pool.change': 'admin',
  'pool.pause_all': 'admin',
  // Whose it is: who initiated it.
  'job.cancel': 'ownership',
  // What its template has deleted would live on for ever.
  'job.cancel_end_of_life': 'admin',
  // What is left on a machine is left to whoever runs the site.
  'workspace.orphan': 'admin',
  // Of a pool, and nobody's yet: who may delete those need not be allowed to delete what somebody has.
  'prebuilt_workspace.delete': 'admin',
} as const satisfies Readonly<Record<string, 'admin' | 'membership' | 'ownership'>>;

export type Action = keyof typeof NEEDED;

/** Whether `actor` may do `action` to `target`. */
export function isAllowed(actor: Actor, action: Action, target: Target = {}): boolean {
  if (actor.isAdmin) return true;
  switch (NEEDED[action]) {
    case 'admin':
      return false;
    case 'membership':
      return target.isMember === true;
    case 'ownership':
      return target.ownerId === actor.userId;
  }
}

/** Throws FORBIDDEN unless `actor` may do `action` to `target`. */
export function requireAllowed(actor: Actor, action: Action, target: Target = {}): void {
  if (isAllowed(actor, action, target)) return;
  throw new AppError('FORBIDDEN', `you may not do this: ${action} needs ${describe(action)}`);
}

function describe(action: Action): string {
  switch (NEEDED[action]) {
    case 'admin':
      return 'an administrator';
    case 'membership':
      return 'a member of the organization';
    case 'ownership':
      return 'the owner, or an administrator';
  }
}
