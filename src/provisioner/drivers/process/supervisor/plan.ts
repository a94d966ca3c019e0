// What a supervisor is told to run, and what it tells of its children: two small files.
import { z } from 'zod';
import { NO_LIMITS, processLimits } from '../../../../contract/manifest/schema.ts';

/** Of its workspace and of the daemon's files. */
const seenSchema = z.object({ readable: z.array(z.string()), writable: z.array(z.string()) });

export const planSchema = z.object({
  programs: z.array(
    z.object({
      name: z.string(),
      argv: z.array(z.string()).min(1),
      /** What the command line is put behind: that of its sandbox. A plan of before there were any has none. */
      within: z.array(z.string()).prefault([]),
      /** What it has in its sandbox; null: it is in none, or its plan is of before this was noted. */
      seen: seenSchema.nullable().prefault(null),
      cwd: z.string(),
      environment: z.record(z.string(), z.string()),
      /** What it can read from the descriptor 3. */
      input: z.string().nullable().prefault(null),
      /** In base64, what it can read from the descriptor 4: the filter of its system calls. */
      filter: z.string().nullable().prefault(null),
      output: z.string(),
    }),
  ),
  /** Of all of them together; kept by the daemon. A plan of before there were any has none. */
  limits: processLimits.prefault(NO_LIMITS),
  /** Where it tells of its children. */
  children: z.string(),
});

export type Seen = z.output<typeof seenSchema>;
export type Plan = z.output<typeof planSchema>;
export type Program = Plan['programs'][number];

export const childrenSchema = z.array(
  z.object({
    name: z.string(),
    process: z.object({ pid: z.int(), startMark: z.string(), bootId: z.string() }).nullable(),
    /** How often it was started again. */
    restarts: z.int(),
    /** How it last ended; null before it ever did. */
    lastExit: z.string().nullable(),
  }),
);

export type Children = z.output<typeof childrenSchema>;
