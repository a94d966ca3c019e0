// Every setting of the servers. docs/configuration.md is made from this table.
import { LOG_LEVELS } from '../base/log.ts';
import { choiceSetting, durationSetting, integerSetting, textSetting } from './setting.ts';

export const SETTINGS = {
  dataDir: textSetting({
    name: 'STANDBY_DATA_DIR',
    summary: 'Folder for everything Standby keeps on this machine',
    fallback: null,
    allowed: 'a folder; without it /var/lib/standby as root, else standby in the user data home',
  }),
  httpHost: textSetting({
    name: 'STANDBY_HTTP_HOST',
    summary: 'Address the API listens on',
    fallback: '127.0.0.1',
  }),
  httpPort: integerSetting({
    name: 'STANDBY_HTTP_PORT',
    summary: 'Port the API listens on; 0 takes a free one',
    fallback: '7850',
    min: 0,
    max: 65_535,
  }),
  accessUrl: textSetting({
    name: 'STANDBY_ACCESS_URL',
    summary: 'Address under which daemons and workspaces reach the API, where it differs',
    fallback: null,
    allowed: 'an http or https URL',
  }),
  databaseUrl: textSetting({
    name: 'STANDBY_DATABASE_URL',
    summary: 'PostgreSQL 15 or newer to use instead of the embedded one',
    fallback: null,
    allowed: 'a postgres:// URL',
  }),
  databaseMaxConnections: integerSetting({
    name: 'STANDBY_DATABASE_MAX_CONNECTIONS',
    summary: 'Size of the connection pool of one process',
    fallback: '10',
    min: 2,
    max: 500,
  }),
  postgresBinDir: textSetting({
    name: 'STANDBY_POSTGRES_BIN_DIR',
    summary: 'Folder with initdb and postgres, instead of the binaries that come along',
    fallback: null,
    allowed: 'a folder',
  }),
  secretKeyFile: textSetting({
    name: 'STANDBY_SECRET_KEY_FILE',
    summary: 'File with the installation secret; every replica needs the same',
    fallback: null,
    allowed: 'a file; `standby up` makes secret.key in the data folder',
  }),
  logLevel: choiceSetting({
    name: 'STANDBY_LOG_LEVEL',
    summary: 'Least severe log line that is written',
    fallback: 'info',
    choices: LOG_LEVELS,
  }),
  provisionerConcurrency: integerSetting({
    name: 'STANDBY_PROVISIONER_CONCURRENCY',
    summary: 'Jobs a daemon works on at once; 0 means the number of cores',
    fallback: '0',
    min: 0,
    max: 1_000,
  }),
  reconciliationInterval: durationSetting({
    name: 'STANDBY_PREBUILDS_RECONCILIATION_INTERVAL',
    summary: 'Time between two periodic passes; 0s or less means 5m',
    fallback: '1m',
    minMs: -86_400_000,
  }),
  reconciliationBackoffInterval: durationSetting({
    name: 'STANDBY_PREBUILDS_RECONCILIATION_BACKOFF_INTERVAL',
    summary: 'Waiting time that each failed build of a pool adds before the next is made',
    fallback: '1m',
    minMs: 0,
  }),
  reconciliationBackoffLookback: durationSetting({
    name: 'STANDBY_PREBUILDS_RECONCILIATION_BACKOFF_LOOKBACK',
    summary: 'How far back failed builds count',
    fallback: '1h',
  }),
  failureHardLimit: integerSetting({
    name: 'STANDBY_PREBUILDS_FAILURE_HARD_LIMIT',
    summary: 'Failed builds in a row after which a pool makes no more but a trial; 0 turns it off',
    fallback: '3',
    min: 0,
    max: 100,
  }),
  hardLimitCooldown: durationSetting({
    name: 'STANDBY_PREBUILDS_HARD_LIMIT_COOLDOWN',
    summary: 'Time before the first trial of a limited pool; doubles with each that fails',
    fallback: '15m',
  }),
  failedRetention: durationSetting({
    name: 'STANDBY_PREBUILDS_FAILED_RETENTION',
    summary: 'How long failed prebuilds are kept as evidence; 0s means no limit',
    fallback: '24h',
    minMs: 0,
  }),
  reconciliationConcurrency: integerSetting({
    name: 'STANDBY_PREBUILDS_RECONCILIATION_CONCURRENCY',
    summary: 'Pools reconciled at once by one process; 0 derives it from the connection pool',
    fallback: '0',
    min: 0,
    max: 100,
  }),
  leaseTtl: durationSetting({
    name: 'STANDBY_LEASE_TTL',
    summary: 'Time after which a leader that shows no sign is replaced',
    fallback: '15s',
  }),
  heartbeatInterval: durationSetting({
    name: 'STANDBY_HEARTBEAT_INTERVAL',
    summary: 'Time between two signs of life of a job',
    fallback: '10s',
  }),
  jobDeadAfter: durationSetting({
    name: 'STANDBY_JOB_DEAD_AFTER',
    summary: 'Silence after which a job counts as hung',
    fallback: '45s',
  }),
  sweepInterval: durationSetting({
    name: 'STANDBY_SWEEP_INTERVAL',
    summary: 'Time between two looks for silent jobs and agents',
    fallback: '10s',
  }),
  pollInterval: durationSetting({
    name: 'STANDBY_POLL_INTERVAL',
    summary: 'How often those who wait look for themselves, should a notice be lost',
    fallback: '5s',
  }),
  agentHeartbeatInterval: durationSetting({
    name: 'STANDBY_AGENT_HEARTBEAT_INTERVAL',
    summary: 'Time between two signs of life of an agent',
    fallback: '20s',
  }),
} as const;
