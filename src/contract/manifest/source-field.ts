// Values of standby.yaml that occur in several places. A message is a clause that says what the
// value must be.
import { z } from 'zod';
import { formatBytes, parseBytes } from '../../base/byte-size.ts';
import { parseDurationMs } from '../../base/duration.ts';

const DAY_MS = 86_400_000;
const MAX_DURATION_MS = 365 * DAY_MS;

interface DurationRange {
  readonly minMs?: number;
  readonly maxMs?: number;
  /** Only whole seconds, as what is stored in an integer column. */
  readonly whole?: true;
  readonly description?: string;
}

/** A duration written as 500ms, 10s, 1m, 2h or 1d; the value is seconds. */
export function durationField(range: DurationRange): z.ZodType<number, string> {
  const { minMs = 0, maxMs = MAX_DURATION_MS, whole, description } = range;
  const fits = (text: string): boolean => {
    const ms = parseDurationMs(text);
    if (ms === undefined || ms < minMs || ms > maxMs) return false;
    return whole === undefined || ms % 1000 === 0;
  };
  const bounds = `from ${showDuration(minMs)} to ${showDuration(maxMs)}`;
  const message = `must be a duration ${bounds}, such as ${whole === undefined ? '500ms, ' : ''}10s, 5m, 8h or 1d`;
  return z
    .string(message)
    .regex(/^\d{1,9}(ms|s|m|h|d)$/, { error: message, abort: true })
    .refine(fits, message)
    .transform((text) => (parseDurationMs(text) ?? 0) / 1000)
    .meta(description === undefined ? {} : { description });
}

/** Text however it looks: numbers and booleans keep the text they were written as. */
export function plainTextField(max: number): z.ZodType<string, string | number | boolean> {
  const message = `must be text, a number, true or false, of at most ${max} characters`;
  return z.union([z.string().max(max), z.number(), z.boolean()], message).transform(String);
}

/** The message for what a program and its arguments must be. */
const COMMAND_MESSAGE = 'must be a command line, or a list of a program and its arguments';

/** A command line for `sh -c`, or a program and its arguments, which no shell sees. */
export function commandField(description: string): z.ZodType<string[], string | string[]> {
  return z
    .union(
      [z.string().min(1).max(10_000), z.array(z.string().max(10_000)).min(1).max(100)],
      COMMAND_MESSAGE,
    )
    .transform((command) => (typeof command === 'string' ? ['sh', '-c', command] : command))
    .meta({ description });
}

/** At most `max` entries, each name fitting `name`. */
export function recordField<T extends z.ZodType>(
  name: z.ZodType<string, string>,
  value: T,
  max: number,
): z.ZodRecord<typeof name, T> {
  return z
    .record(name, value)
    .refine((record) => Object.keys(record).length <= max, `must have at most ${max} entries`);
}

const ENVIRONMENT_NAME_RULE =
  'must be letters, digits and _, must not begin with a digit, nor with "STANDBY"';

const environmentName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, ENVIRONMENT_NAME_RULE)
  .refine((name) => !/^standby/i.test(name), ENVIRONMENT_NAME_RULE);

/** Variables of a workspace's command. */
export const environmentField = recordField(environmentName, plainTextField(10_000), 100).prefault(
  {},
);

/** A file of the template's folder. */
export const folderPathField = z
  .string()
  .max(255)
  .regex(
    /^(?!\/)(?!.*(^|\/)\.\.(\/|$))[^\\]+[^/\\]$/,
    'must be a relative path inside the folder, such as ./start.sh',
  );

function showDuration(ms: number): string {
  if (ms >= DAY_MS && ms % DAY_MS === 0) return `${ms / DAY_MS}d`;
  if (ms >= 60_000 && ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}

/** A pebibyte: far from what numbers can be exact about. */
const MAX_MEMORY_BYTES = 1024 ** 5;

/** A size written as 512MiB or 2GiB; the value is bytes. */
export function memoryField(minBytes: number): z.ZodType<number, string> {
  const message = `must be a size from ${formatBytes(minBytes)} to ${formatBytes(MAX_MEMORY_BYTES)}, such as 512MiB or 2GiB`;
  return z
    .string(message)
    .regex(/^\d{1,9}(KiB|MiB|GiB|B)$/, { error: message, abort: true })
    .refine((text) => {
      const bytes = parseBytes(text) ?? 0;
      return bytes >= minBytes && bytes <= MAX_MEMORY_BYTES;
    }, message)
    .transform((text) => parseBytes(text) ?? 0)
    .meta({ description: 'Beyond it something in the workspace is killed' });
}

/** How many processors' time. */
export const cpusField = z.number().min(0.01).max(1_024);
