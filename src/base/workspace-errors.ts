// Error codes about workspaces that somebody has: what may not become of one. Part of the catalog.
import type { ErrorSpec } from './error-spec.ts';

export const WORKSPACE_ERRORS = {
  BUILD_IN_PROGRESS: {
    http: 409,
    exit: 75,
    retry: 'later',
    hint: 'Wait until the build that runs now has ended.',
  },

  PREBUILD_GONE: {
    http: 409,
    exit: 75,
    retry: 'never',
    hint: 'Nothing has to be done: the next prebuild of the preset is rehearsed with.',
  },

  WORKSPACE_UNCLAIMED: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Claim it first: until then the pool decides what becomes of it.',
  },
  WORKSPACE_CLAIMED: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'It is its owner’s now, and was left alone: `standby pool show` lists those that nobody has claimed.',
  },
  NO_DEADLINE: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Nothing stops it. Give it a time to live with `standby workspace set --ttl 8h`.',
  },
  LIFETIME_EXCEEDED: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Ask for less, or get another workspace: the template limits how long one may live.',
  },
  WORKSPACE_RUNNING: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Stop it first, or use `standby workspace update`, which does.',
  },
  DRIVER_CHANGED: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Get a new workspace of the template: what the old driver made, the new one knows nothing of.',
  },
  MACHINE_UNFIT: {
    http: 409,
    exit: 69,
    retry: 'never',
    hint: 'Give a daemon of that machine these tags (STANDBY_PROVISIONER_TAGS), or get a new workspace of the template.',
  },
  WORKSPACE_DORMANT: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Wake it first: `standby workspace wake`.',
  },
} as const satisfies Readonly<Record<string, ErrorSpec>>;
