// The log of a job, as one sequence of lines.
import type { Clock } from '../base/clock.ts';
import { jobRoutes } from '../contract/job/route.ts';
import type { LogEntryView } from '../contract/job/schema.ts';
import type { Client } from './client.ts';

export interface JobLogOptions {
  readonly signal: AbortSignal;
  /** Whether to wait for further lines until the job has ended. */
  readonly follow: boolean;
}

// Lines arrive with the daemon's heartbeats, which come at once while there are any.
const POLL_MS = 200;

/** The lines of a job's log, in order. */
export async function* readJobLog(
  { client, clock }: { readonly client: Client; readonly clock: Clock },
  job: string,
  { signal, follow }: JobLogOptions,
): AsyncGenerator<LogEntryView, void, undefined> {
  let after: string | undefined;
  for (;;) {
    const input = { params: { job }, query: { after } };
    const { body } = await client.call(jobRoutes.getJobLogs, input, { signal });
    yield* body.entries;
    after = body.next;
    if (body.complete) return;
    if (body.entries.length > 0) continue;
    if (!follow) return;
    await clock.sleep(POLL_MS, signal);
  }
}
