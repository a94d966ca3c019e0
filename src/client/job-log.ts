// The log of a job, as one sequence of lines.
import { jobRoutes } from '../contract/job/route.ts';
import type { jobLogEvents, LogEntryView } from '../contract/job/schema.ts';
import type { StreamEvent } from '../contract/route.ts';
import type { Client } from './client.ts';
import { followEvents, type FollowDeps, type FollowOptions } from './follow-events.ts';

export type JobLogEvent = StreamEvent<typeof jobLogEvents>;

export interface ReadLogOptions {
  readonly signal: AbortSignal;
  /** Gets the lines, in order. */
  readonly onLine: (entry: LogEntryView) => void;
}

/** Reads the lines that are there now; gives whether there were more once. */
export async function readJobLog(
  client: Client,
  job: string,
  { signal, onLine }: ReadLogOptions,
): Promise<{ readonly pruned: boolean }> {
  let after: string | undefined;
  for (;;) {
    const input = { params: { job }, query: { after } };
    const { body } = await client.call(jobRoutes.getJobLogs, input, { signal });
    for (const entry of body.entries) onLine(entry);
    if (body.entries.length === 0 || body.complete) return { pruned: body.pruned };
    after = body.next;
  }
}

/**
 * The lines of a job's log as they come, each once and in order, then how the job ended. Survives
 * broken connections and restarts of the server.
 */
export function followJobLog(
  { client, ...deps }: FollowDeps & { readonly client: Client },
  job: string,
  options: FollowOptions,
): AsyncGenerator<JobLogEvent, void, undefined> {
  const open = async (after: string | undefined): Promise<AsyncIterable<JobLogEvent>> => {
    const input = { params: { job }, query: { after }, headers: {} };
    return (await client.call(jobRoutes.followJobLog, input, { signal: options.signal })).body;
  };
  return followEvents(deps, { open, isLast: ({ event }) => event === 'end' }, options);
}
