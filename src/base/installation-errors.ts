// The error codes of a machine's installation: its settings and files, the schema, the embedded PostgreSQL.
import type { ErrorSpec } from './error-spec.ts';

export const INSTALLATION_ERRORS = {
  // This machine's installation
  DATA_FOLDER_NEWER: {
    http: 503,
    exit: 78,
    retry: 'never',
    hint: 'Start the version of Standby that wrote this folder, or a newer one; nothing was changed.',
  },
  DATA_FOLDER_UNUSABLE: {
    http: 503,
    exit: 73,
    retry: 'never',
    hint: 'Make the folder writable for this user, or set STANDBY_DATA_DIR to another one.',
  },
  ALREADY_RUNNING: {
    http: 409,
    exit: 75,
    retry: 'later',
    hint: 'Use the one that runs, stop it (`standby down`), or set STANDBY_DATA_DIR to another folder.',
  },
  DATABASE_REFUSED: {
    http: 503,
    exit: 78,
    retry: 'never',
    hint: 'Correct the user, the password, the database or the TLS options in STANDBY_DATABASE_URL, or what that user may do.',
  },
  DATABASE_UNSUPPORTED: {
    http: 503,
    exit: 78,
    retry: 'never',
    hint: 'Use PostgreSQL 15 or newer, or leave STANDBY_DATABASE_URL unset for the embedded one.',
  },
  STOP_TIMEOUT: {
    http: 500,
    exit: 75,
    retry: 'later',
    hint: 'Look at the log of the servers for what they wait for.',
  },
  SECRET_KEY_WRONG: {
    http: 503,
    exit: 78,
    retry: 'never',
    hint: 'Start with the secret key that this database was first used with: every replica needs the same STANDBY_SECRET_KEY_FILE.',
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

  // The embedded PostgreSQL
  EMBEDDED_POSTGRES_UNSUPPORTED: {
    http: 503,
    exit: 69,
    retry: 'never',
    hint: 'Use a PostgreSQL of your own (15 or newer): set STANDBY_DATABASE_URL to its address.',
  },
  EMBEDDED_POSTGRES_FAILED: {
    http: 503,
    exit: 69,
    retry: 'later',
    hint: 'Mend what PostgreSQL complains of and start again, or set STANDBY_DATABASE_URL to a PostgreSQL of your own.',
  },

  // Files of the command line
  FILE_UNREADABLE: {
    http: 400,
    exit: 66,
    retry: 'never',
    hint: 'Check that the file exists and that you may read it.',
  },
  SNAPSHOT_INVALID: {
    http: 400,
    exit: 65,
    retry: 'never',
    hint: 'Correct the named fields; docs/decision.md describes a snapshot.',
  },
} as const satisfies Record<string, ErrorSpec>;
