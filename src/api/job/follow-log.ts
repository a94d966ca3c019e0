// A job's log as it grows: what is there, then what comes, then how the job ended.
import { formatInstant } from '../../base/clock.ts';
import type { JobId } from '../../base/id.ts';
import type { Kit } from '../../base/kit.ts';
import type { jobLogEvents, JobLogEnd } from '../../contract/job/schema.ts';
import type { StreamEvent } from '../../contract/route.ts';
import type { Database } from '../../store/database.ts';
import { listLogLines } from '../../store/job-log.ts';
import type { JobRow } from '../../store/job-view.ts';
import { waitFor } from '../../store/long-poll.ts';
import type { NoticeBus } from '../../store/notice-bus.ts';
import { formatLogPosition, type LogPosition } from './log-position.ts';

export interface FollowLogDeps extends Kit {
  readonly database: Database;
  readonly bus: Pick<NoticeBus, 'subscribe'>;
}

export interface FollowedJob {
  readonly id: JobId;
  /** The job as it is now. Throws when the follower may not see it any more, which ends the events. */
  readonly look: () => Promise<JobRow>;
}

export interface FollowLogOptions {
  readonly after: LogPosition;
  readonly signal: AbortSignal;
  /** How often to look without a notice. */
  readonly pollMs: number;
}

type LogEvent = StreamEvent<typeof jobLogEvents>;

/** Lines in memory for one follower: 800 KiB of the longest that daemons send. */
const PAGE_LINES = 100;

/** The events after a position; they end after `end`, or when the signal is aborted. */
export async function* followLog(
  deps: FollowLogDeps,
  { id, look }: FollowedJob,
  { after, signal, pollMs }: FollowLogOptions,
): AsyncGenerator<LogEvent, void, undefined> {
  let position = after;
  const readPage = async (): Promise<readonly LogEvent[] | undefined> => {
    // Read before the lines: after a job's end no further ones come.
    const job = await look();
    const lines = await listLogLines.all(deps.database, {
      jobId: id,
      afterAttempt: position.attempt,
      afterSeq: position.seq,
      limit: PAGE_LINES,
    });
    const events = lines.map((line): LogEvent => {
      const data = { ...line, at: formatInstant(line.at) };
      return { event: 'line', id: formatLogPosition(line), data };
    });
    position = lines.at(-1) ?? position;
    const end = lines.length < PAGE_LINES ? endOf(job) : undefined;
    if (end !== undefined)
      events.push({ event: 'end', id: formatLogPosition(position), data: end });
    return events.length === 0 ? undefined : events;
  };
  const poll = { wanted: { kind: 'job', jobId: id }, look: readPage } as const;
  for (;;) {
    const page = await waitFor(deps, poll, { signal, timeoutMs: Infinity, pollMs });
    if (page === undefined) return;
    yield* page;
    if (page.at(-1)?.event === 'end') return;
  }
}

function endOf({
  status,
  error,
  errorCode,
  logTruncated: truncated,
  logPruned: pruned,
}: JobRow): JobLogEnd | undefined {
  switch (status) {
    case 'succeeded':
    case 'failed':
    case 'canceled':
      return { status, error, error_code: errorCode, truncated, pruned };
    default:
      return undefined;
  }
}
