// Every error code there is; those about workspaces that somebody has stand in workspace-errors.ts. A code is never
// renamed; docs/errors.md lists each one.
// `http` is the status of the API's answer, `exit` the command line's exit status
// (sysexits: 64 usage, 65 bad data, 66 missing input, 69 unavailable, 70 fault,
// 73 cannot create, 75 try later, 77 no permission, 78 configuration).
import type { ErrorSpec } from './error-spec.ts';
import { INSTALLATION_ERRORS } from './installation-errors.ts';
import { WORKSPACE_ERRORS } from './workspace-errors.ts';

export const ERRORS = {
  // Asking
  BAD_REQUEST: {
    http: 400,
    exit: 64,
    retry: 'never',
    hint: 'Correct the named field and send the request again.',
  },
  MALFORMED_JSON: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Send one well-formed JSON document.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    http: 415,
    exit: 65,
    retry: 'never',
    hint: 'Send the content type that the API description names for this request.',
  },
  BODY_TOO_LARGE: { http: 413, exit: 65, retry: 'never', hint: 'Send a smaller body.' },
  UNAUTHENTICATED: {
    http: 401,
    exit: 77,
    retry: 'never',
    hint: 'Run `standby login URL`, or set STANDBY_TOKEN to a valid token.',
  },
  FORBIDDEN: {
    http: 403,
    exit: 77,
    retry: 'never',
    hint: 'Ask an administrator for the right, or use another account.',
  },
  NOT_FOUND: {
    http: 404,
    exit: 66,
    retry: 'never',
    hint: 'Check the name or id, and that you may see it.',
  },
  TOO_MANY_STREAMS: {
    http: 429,
    exit: 75,
    retry: 'later',
    hint: 'Close streams that nobody reads, or raise STANDBY_EVENT_STREAMS_PER_USER.',
  },
  TOO_MANY_WAITERS: {
    http: 429,
    exit: 75,
    retry: 'later',
    hint: 'Cancel places that nobody needs (`standby waiter list`), or raise STANDBY_WAITERS_PER_USER.',
  },
  USAGE: { http: 400, exit: 64, retry: 'never', hint: 'See `standby --help`.' },
  INTERNAL: {
    http: 500,
    exit: 70,
    retry: 'later',
    hint: 'Look in the server log for the request id.',
  },
  DATABASE_UNAVAILABLE: {
    http: 503,
    exit: 69,
    retry: 'later',
    hint: 'Check that PostgreSQL is running and reachable at the configured address; Standby reconnects by itself.',
  },
  SERVER_UNREACHABLE: {
    http: 503,
    exit: 69,
    retry: 'later',
    hint: 'Check the address and that the server is running (`standby up`).',
  },
  ANSWER_UNEXPECTED: {
    http: 502,
    exit: 69,
    retry: 'never',
    hint: 'Check that the address is that of a Standby server, and that its version fits.',
  },
  SERVER_STOPPING: {
    http: 503,
    exit: 69,
    retry: 'later',
    hint: 'Ask again: the server is being stopped or restarted.',
  },
  REQUEST_TIMEOUT: {
    http: 408,
    exit: 69,
    retry: 'later',
    hint: 'Ask again: nothing of the request was carried out.',
  },
  ADDRESS_IN_USE: {
    http: 500,
    exit: 69,
    retry: 'never',
    hint: 'Stop what listens there, or choose another port: --http-port (STANDBY_HTTP_PORT).',
  },
  METHOD_NOT_ALLOWED: {
    http: 405,
    exit: 64,
    retry: 'never',
    hint: 'Use a method that the Allow header lists.',
  },
  CONFIG_INVALID: {
    http: 500,
    exit: 78,
    retry: 'never',
    hint: 'Correct the named setting and start again.',
  },

  ...INSTALLATION_ERRORS,

  // Names and requests
  NAME_TAKEN: { http: 409, exit: 73, retry: 'never', hint: 'Choose another name.' },
  FILE_UNWRITABLE: {
    http: 500,
    exit: 73,
    retry: 'never',
    hint: 'Check that you may write there, and that there is space.',
  },
  FILE_EXISTS: {
    http: 409,
    exit: 73,
    retry: 'never',
    hint: 'Name a new folder, or move what is there out of the way.',
  },
  NAME_INVALID: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Use 1 to 63 lower-case letters, digits and hyphens; a hyphen may not come first or last.',
  },
  PARAMETERS_INVALID: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Give every required parameter a value that the template allows; `standby template show` lists them.',
  },
  PRESET_UNKNOWN: {
    http: 404,
    exit: 66,
    retry: 'never',
    hint: 'Name one of the presets of the active version; `standby template show` lists them.',
  },
  TEMPLATE_DEPRECATED: { http: 409, exit: 65, retry: 'never', hint: 'Use another template.' },
  TEMPLATE_DELETED: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Workspaces of a deleted template can only be stopped and deleted.',
  },
  TEMPLATE_NOT_READY: {
    http: 409,
    exit: 75,
    retry: 'later',
    hint: 'Push a version and promote it first.',
  },
  POOL_EMPTY: {
    http: 409,
    exit: 75,
    retry: 'later',
    hint: 'Raise the pool size, ask again later, or use --on-empty create.',
  },
  QUOTA_EXCEEDED: {
    http: 409,
    exit: 75,
    retry: 'later',
    hint: 'Stop or delete a workspace, or ask an administrator for a larger allowance; `standby quota show` tells what is used.',
  },
  NO_POOL: { http: 409, exit: 65, retry: 'never', hint: 'Choose a preset with prebuilds.' },
  PRESET_GONE: { http: 409, exit: 65, retry: 'never', hint: 'Ask for another preset.' },
  WAIT_TIMEOUT: { http: 409, exit: 75, retry: 'later', hint: 'Ask again, and wait for longer.' },
  WAIT_CANCELED: { http: 409, exit: 75, retry: 'never', hint: 'Ask again, with another key.' },
  WAIT_OVER: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Nothing is left to be canceled; `standby waiter show` says how it ended.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    http: 422,
    exit: 65,
    retry: 'never',
    hint: 'Use a new idempotency key for a different request.',
  },
  ...WORKSPACE_ERRORS,

  JOB_ENDED: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Nothing is left to be canceled; `standby job show` says how it ended.',
  },
  MACHINE_PRESENT: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Delete it without --orphan.',
  },

  // Templates
  MANIFEST_INVALID: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Correct standby.yaml at the named lines; `standby template validate` checks it without a server.',
  },
  SCHEDULE_INVALID: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Write five fields: minute hour day-of-month month day-of-week, such as `* 9-18 * * 1-5`.',
  },
  SCHEDULES_OVERLAP: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Change one of the two, so that every minute has at most one count.',
  },
  SCHEDULE_NEVER_MATCHES: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Name a day that exists, or leave the schedule out.',
  },
  TIMEZONE_UNKNOWN: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Use a name of the IANA time zone database in its exact spelling, such as Europe/Berlin or UTC.',
  },
  HCL_INVALID: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'See what `terraform validate` says of the file.',
  },
  ARCHIVE_INVALID: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Pack a folder of regular files and folders only; `standby template push` does.',
  },
  ARCHIVE_TOO_LARGE: {
    http: 413,
    exit: 65,
    retry: 'never',
    hint: 'Leave out what workspaces do not need, and fetch large files when they start.',
  },
  IMPORT_FAILED: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Mend what the log of its job complains of (`standby job logs`) and push again.',
  },
  REHEARSAL_PENDING: {
    http: 409,
    exit: 75,
    retry: 'later',
    hint: 'Ask again until the rehearsal has ended; it goes on by itself.',
  },

  REHEARSAL_REFUSED: {
    http: 409,
    exit: 65,
    retry: 'never',
    hint: 'Mend the template and push it again, or set `rehearsal: report` in standby.yaml.',
  },

  VERSION_NOT_IMPORTED: {
    http: 409,
    exit: 75,
    retry: 'later',
    hint: 'Wait for the import to succeed, or mend what its log complains of and push again.',
  },

  // Pools
  SETTINGS_UNREADABLE: {
    http: 500,
    exit: 78,
    retry: 'later',
    hint: 'Store them again with `standby prebuilds pause` or `standby prebuilds resume`; until then no pool is reconciled.',
  },

  // Daemons and agents
  BUILD_FAILED: {
    http: 500,
    exit: 70,
    retry: 'never',
    hint: 'See the log of the job (`standby job logs`).',
  },
  TEMPLATE_REFUSED: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Mend the template as the detail says and push it again.',
  },
  LIMITS_UNAVAILABLE: {
    http: 409,
    exit: 69,
    retry: 'never',
    hint: 'Let the daemon have control groups, as docs/process-driver.md says, or take the limits out of the template.',
  },
  SANDBOX_UNAVAILABLE: {
    http: 409,
    exit: 69,
    retry: 'never',
    hint: 'Install bubblewrap on the machine of the daemon, as docs/process-driver.md says, or take the sandbox out of the template.',
  },
  NO_DAEMON: {
    http: 409,
    exit: 75,
    retry: 'later',
    hint: 'Start a daemon that offers what the job needs (`standby provisioner`); `standby job show` says what that is.',
  },
  DAEMON_FOLDER_TAKEN: {
    http: 409,
    exit: 75,
    retry: 'later',
    hint: 'Stop the other daemon, or give this one a data folder of its own.',
  },
  PROTOCOL_UNSUPPORTED: {
    http: 409,
    exit: 69,
    retry: 'never',
    hint: 'Upgrade the control plane first, then its daemons; each understands the version before.',
  },
  DAEMON_ID_TAKEN: {
    http: 409,
    exit: 78,
    retry: 'never',
    hint: 'Give each daemon its own data folder; to go on under a new key of the same organization, revoke the former one first.',
  },
  DAEMON_REPLACED: {
    http: 409,
    exit: 75,
    retry: 'never',
    hint: 'A newer process of this daemon has registered; stop this one.',
  },
  ATTEMPT_STALE: {
    http: 409,
    exit: 75,
    retry: 'never',
    hint: 'Drop the attempt and remove what it made; another one counts now.',
  },
  STATE_IN_USE: {
    http: 409,
    exit: 75,
    retry: 'later',
    hint: 'Ask again until the clean-up has ended.',
  },
  OWNER_VALUES_INVALID: { http: 400, exit: 65, retry: 'never', hint: 'Correct what is named.' },
  OWNER_VALUES_TOO_LARGE: { http: 413, exit: 65, retry: 'never', hint: 'Give less.' },
  OWNER_VALUES_GONE: { http: 410, exit: 66, retry: 'never', hint: 'Ask for a new workspace.' },
  NO_AGENT: { http: 409, exit: 65, retry: 'never', hint: 'Choose a template with an agent.' },
  AGENT_UNKNOWN: {
    http: 404,
    exit: 66,
    retry: 'never',
    hint: "Use the name of an agent that the template's manifest lists.",
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}
