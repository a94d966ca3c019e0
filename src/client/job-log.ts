// The log of a job, as one sequence of lines.
import { jobRoutes } from '../contract/job/route.ts';
import type { jobLogEvents, LogEntryView } from '../contract/job/schema.ts';
import type { StreamEvent } from '../contract/route.ts';
import type { Client } from './client.ts';
import { followEvents, type FollowDeps, type FollowOptions } from './follow-events.ts';

export type JobLogEvent = StreamEvent<typeof jobLogEvents>;

/** The lines that are there now, in order. */
export async function* readJobLog(
  client: Client,
  job: string,
  signal: AbortSignal,
): AsyncGenerator<LogEntryView, void, undefined> {
  let after: string | undefined;
  for (;;) {
    const input = { params: { job }, query: { after } };
    const { body } = await client.call(jobRoutes.getJobLogs, input, { signal });
    yield* body.entries;
    if (body.entries.length === 0 || body.complete) return;
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
