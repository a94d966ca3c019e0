// Fields that many documents share.
import { z } from 'zod';
import { NAME_PATTERN, NAME_RULE } from '../domain/name/name.ts';

/** In small letters, as they are stored and compared. */
export const idField = z.uuid().toLowerCase();
export const timeField = z.iso.datetime({ offset: false }).meta({ description: 'RFC 3339, UTC' });
export const nameField = z
  .string()
  .regex(NAME_PATTERN, NAME_RULE)
  .meta({ description: '1 to 63 lower-case letters, digits and inner hyphens' });

/** What the database keeps as an integer, and would refuse beyond 32 bits. */
export const integerField = z.int32();

/** As many as a template may declare, and more than any has. */
export const MAX_PARAMETERS = 100;

/** Parameter values by name; numbers and booleans are written as text. */
export const parametersField = z
  .record(z.string().min(1).max(128), z.string().max(10_000))
  .refine((given) => Object.keys(given).length <= MAX_PARAMETERS, {
    message: `must have at most ${MAX_PARAMETERS} entries`,
  });

export const tagsField = z.record(z.string().min(1).max(64), z.string().max(256));

/** More than there are. */
const MAX_DRIVERS = 16;
const driverField = z.string().min(1).max(32);

/** What a daemon offers. */
export const driversField = z.array(driverField).max(MAX_DRIVERS);

/** The tool that a driver works with, by the driver's name. */
export const toolsField = z
  .record(driverField, z.string().min(1).max(64))
  .refine((given) => Object.keys(given).length <= MAX_DRIVERS, {
    message: `must have at most ${MAX_DRIVERS} entries`,
  });

/** Query parameters arrive as text. */
export const queryInteger = (min: number, max: number): z.ZodType<number, string | number> =>
  z
    .union([z.string().regex(/^\d{1,9}$/), z.int()], 'must be a whole number')
    .transform(Number)
    .pipe(z.int().min(min).max(max));

/** A page of a list: pass `next_cursor` back as `cursor` to go on; null on the last page. */
export function pageOf<T extends z.ZodType>(
  item: T,
): z.ZodObject<{
  items: z.ZodArray<T>;
  next_cursor: z.ZodNullable<z.ZodString>;
}> {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() });
}

export const pageQuery = {
  cursor: z.string().max(200).optional(),
  limit: queryInteger(1, 500).optional().meta({ description: '1 to 500, 100 unless given' }),
};

/** For what changes something: everything is checked, and nothing is changed. */
export const dryRunQuery = z.object({
  dry_run: z
    .enum(['true', 'false'])
    .optional()
    .meta({ description: 'true: check everything, and change nothing' }),
});
