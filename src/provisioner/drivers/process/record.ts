// What the driver knows of a workspace, in a file of its folder. It is written before what it speaks
// of is done, so that after a crash at any instant it says at least what may exist.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../../../base/app-error.ts';
import { writePrivateFile } from '../../../base/private-file.ts';
import { readyCheckSchema } from '../../../contract/manifest/schema.ts';

const attemptName = z.object({ jobId: z.string(), attempt: z.int() });

const recordSchema = z.object({
  /**
   * starting: an attempt is at work; running: its processes should live; stopped: none should;
   * deleting: every trace is to go.
   */
  phase: z.enum(['starting', 'running', 'stopped', 'deleting']),
  /** The attempt that made the folder. */
  madeBy: attemptName,
  /** The last one that started it; a record of before this was noted names none. */
  startedBy: attemptName.optional(),
  /** Whether a start has succeeded since. */
  complete: z.boolean(),
  /** Of the template, whose files are there; empty: of none as a whole. Unknown of one made before this was noted. */
  versionId: z.string().optional(),
  port: z.int(),
  supervisor: z.object({ pid: z.int(), startMark: z.string(), bootId: z.string() }).nullable(),
  ready: readyCheckSchema.nullable(),
  /** Unknown of one that was made before this was noted. */
  hasAgents: z.boolean().optional(),
});

export type WorkspaceRecord = z.output<typeof recordSchema>;

/**
 * Undefined when there is none. Throws for one that cannot be read, or is none of this driver's: what
 * it speaks of may be somebody's work, and is not to be taken for what a crash left.
 */
export async function readRecord(file: string): Promise<WorkspaceRecord | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw unreadable(file, error);
  }
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (error) {
    throw unreadable(file, error);
  }
}

export function writeRecord(file: string, record: WorkspaceRecord): Promise<void> {
  return writePrivateFile(file, JSON.stringify(record));
}

function unreadable(file: string, cause: unknown): AppError {
  const detail = `the workspace's record ${file} cannot be read`;
  const hint = 'Mend the file, or delete the workspace: that needs no record.';
  return new AppError('BUILD_FAILED', { detail, hint }, { cause });
}
