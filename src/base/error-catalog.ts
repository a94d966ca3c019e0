// Every error code there is. A code is never renamed; docs/errors.md lists each one.
// `http` is the status of the API's answer, `exit` the command line's exit status
// (sysexits: 64 usage, 65 bad data, 66 missing input, 69 unavailable, 70 fault,
// 73 cannot create, 75 try later, 77 no permission, 78 configuration).

export interface ErrorSpec {
  readonly http: number;
  readonly exit: number;
  /** Whether the same request may succeed without being changed. */
  readonly retry: 'never' | 'later';
  readonly hint: string;
}

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
  CONFIG_INVALID: {
    http: 500,
    exit: 78,
    retry: 'never',
    hint: 'Correct the named setting and start again.',
  },

  // The database's schema
  SCHEMA_NEWER: {
    http: 503,
    exit: 78,
    retry: 'never',
    hint: 'Start the version of Standby that migrated this database, or a newer one.',
  },
  SCHEMA_CHANGED: {
    http: 503,
    exit: 78,
    retry: 'never',
    hint: 'Restore the original migration files: applied migrations never change.',
  },
  MIGRATION_FAILED: {
    http: 503,
    exit: 70,
    retry: 'later',
    hint: 'Nothing of this migration was kept. Look at the cause, mend it, and start again.',
  },
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}
