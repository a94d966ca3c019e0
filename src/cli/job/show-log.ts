// What a job says while somebody waits for it, above the line that says what is waited for.
import type { Client } from '../../client/client.ts';
import { AWAY_MS } from '../../client/insist.ts';
import { followJobLog } from '../../client/job-log.ts';
import type { CommandContext } from '../command.ts';
import { harmlessLine } from '../show/harmless.ts';
import type { Progress } from '../show/progress.ts';

export interface ShownLog {
  /** Waits for the last lines of a job that has ended, a moment at most. */
  finish(): Promise<void>;
  stop(): void;
}

interface ShowLogOptions {
  readonly client: Client;
  readonly progress: Progress;
  readonly job: string;
}

/** The end of a job and its last lines travel on two connections. */
const LAST_LINES_MS = 1_000;

/** Begins to show the lines. That they cannot be had disturbs nobody: the waiting goes on without them. */
export function showJobLog(
  { kit }: Pick<CommandContext, 'kit'>,
  { client, progress, job }: ShowLogOptions,
): ShownLog {
  const stopping = new AbortController();
  const { signal } = stopping;
  // As patient as whoever waits for the job.
  const options = { signal, patienceMs: AWAY_MS };
  const show = async (): Promise<void> => {
    try {
      for await (const { event, data } of followJobLog({ ...kit, client }, job, options)) {
        if (event === 'line' && data.level !== 'debug')
          progress.keep(`  ${harmlessLine(data.line)}`);
      }
    } catch {
      // What the job is waited for says more.
    }
  };
  const shown = show();
  return {
    finish: async () => {
      const late = kit.clock.sleep(LAST_LINES_MS, signal).catch(() => undefined); // all were shown
      await Promise.race([shown, late]);
      stopping.abort();
      await shown;
    },
    stop: () => stopping.abort(),
  };
}
