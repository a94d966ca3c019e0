// An attempt's sign of life with its log lines; the answer says whether to go on.
import type { Instant } from '../base/clock.ts';
import { AppError } from '../base/app-error.ts';
import { formatBytes } from '../base/byte-size.ts';
import { failpoint } from '../base/failpoint.ts';
import type { Database, Transaction } from '../store/database.ts';
import {
  countLogBytes,
  findJobHolder,
  recordJobHeartbeat,
  storeLogLines,
  type LogLevel,
} from '../store/job-log.ts';
import { storableText } from '../store/storable-text.ts';
import { checkHolder, staleAttempt, type AttemptRef } from './attempt.ts';

export interface LogLine {
  /** Counted by the daemon within an attempt. */
  readonly seq: number;
  /** By the daemon's clock. */
  readonly at: Instant;
  readonly level: LogLevel;
  readonly line: string;
}

export interface HeartbeatDeps {
  readonly database: Database;
  /** What the log of one job may take. One that is longer is of no use to people. */
  readonly logLimitBytes: number;
}

export interface HeartbeatAnswer {
  /** Somebody asked for the job's cancellation. */
  readonly cancel: boolean;
  /** The log is at its limit: no further line is stored. */
  readonly logFull: boolean;
}

/**
 * Notes that an attempt is alive and stores its lines, each once however often it is delivered. Throws ATTEMPT_STALE for an attempt that does not
 * count any more, and DAEMON_REPLACED when the daemon has a newer process.
 */
export async function heartbeatJob(
  { database, logLimitBytes }: HeartbeatDeps,
  attempt: AttemptRef,
  logs: readonly LogLine[],
): Promise<HeartbeatAnswer> {
  const args = { id: attempt.jobId, attempt: attempt.attempt, ...attempt.daemon };
  const row =
    logs.length === 0
      ? await recordJobHeartbeat.maybe(database, args)
      : await database.transaction(async (tx) => {
          const alive = await recordJobHeartbeat.maybe(tx, args);
          if (alive?.logTruncated !== false) return alive;
          const { logBytes } = alive;
          const logTruncated = await storeLines(tx, attempt, { logs, logBytes, logLimitBytes });
          return { ...alive, logTruncated };
        });
  if (row === undefined) throw await explainRefusal(database, attempt);
  await failpoint('job.heartbeat_stored');
  return { cancel: row.status === 'canceling', logFull: row.logTruncated };
}

/** Whether the log is at its limit now. */
async function storeLines(
  tx: Transaction,
  { jobId, attempt }: AttemptRef,
  {
    logs,
    logBytes,
    logLimitBytes,
  }: {
    readonly logs: readonly LogLine[];
    readonly logBytes: number;
    readonly logLimitBytes: number;
  },
): Promise<boolean> {
  const { bytes, truncated } = await storeLogLines.one(tx, {
    jobId,
    attempt,
    seqs: logs.map((line) => line.seq),
    ats: logs.map((line) => line.at),
    levels: logs.map((line) => line.level),
    lines: logs.map((line) => storableText(line.line)),
    room: logLimitBytes - logBytes,
    mark: `the log ends here: it has reached its limit of ${formatBytes(logLimitBytes)}`,
  });
  if (bytes === 0 && !truncated) return false;
  await countLogBytes.run(tx, { id: jobId, bytes, truncated });
  // Followers of the log read on.
  tx.notify({ kind: 'job', jobId });
  return truncated;
}

async function explainRefusal(database: Database, attempt: AttemptRef): Promise<AppError> {
  const holder = await findJobHolder.maybe(database, { id: attempt.jobId });
  if (holder === undefined) return new AppError('NOT_FOUND', `there is no job ${attempt.jobId}`);
  try {
    checkHolder(attempt, holder);
  } catch (refusal) {
    return refusal as AppError;
  }
  return staleAttempt(attempt, `it has ${holder.status} already`);
}
