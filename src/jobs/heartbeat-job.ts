// An attempt's sign of life with its log lines; the answer says whether to go on.
import type { Instant } from '../base/clock.ts';
import { AppError } from '../base/app-error.ts';
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

/** Text kept per job. A log that is longer is of no use to people, and would fill the database. */
const LOG_LIMIT_BYTES = 1024 * 1024;

export interface LogLine {
  /** Counted by the daemon within an attempt. */
  readonly seq: number;
  /** By the daemon's clock. */
  readonly at: Instant;
  readonly level: LogLevel;
  readonly line: string;
}

/**
 * Notes that an attempt is alive and stores its lines, each once however often it is delivered.
 * `cancel` is true once somebody asked for it. Throws ATTEMPT_STALE for an attempt that does not
 * count any more, and DAEMON_REPLACED when the daemon has a newer process.
 */
export async function heartbeatJob(
  { database }: { readonly database: Database },
  attempt: AttemptRef,
  logs: readonly LogLine[],
): Promise<{ readonly cancel: boolean }> {
  const args = { id: attempt.jobId, attempt: attempt.attempt, ...attempt.daemon };
  const row =
    logs.length === 0
      ? await recordJobHeartbeat.maybe(database, args)
      : await database.transaction(async (tx) => {
          const alive = await recordJobHeartbeat.maybe(tx, args);
          if (alive?.logTruncated === false) {
            await storeLines(tx, attempt, { logs, room: LOG_LIMIT_BYTES - alive.logBytes });
          }
          return alive;
        });
  if (row === undefined) throw await explainRefusal(database, attempt);
  await failpoint('job.heartbeat_stored');
  return { cancel: row.status === 'canceling' };
}

async function storeLines(
  tx: Transaction,
  { jobId, attempt }: AttemptRef,
  { logs, room }: { readonly logs: readonly LogLine[]; readonly room: number },
): Promise<void> {
  const { bytes, truncated } = await storeLogLines.one(tx, {
    jobId,
    attempt,
    seqs: logs.map((line) => line.seq),
    ats: logs.map((line) => line.at),
    levels: logs.map((line) => line.level),
    lines: logs.map((line) => storableText(line.line)),
    room,
  });
  if (bytes === 0 && !truncated) return;
  await countLogBytes.run(tx, { id: jobId, bytes, truncated });
  // Followers of the log read on.
  tx.notify({ kind: 'job', jobId });
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
