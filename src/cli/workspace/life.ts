// How long a workspace runs and lives, as people say it and as it is shown to them.
import type { Instant } from '../../base/clock.ts';
import { AppError } from '../../base/app-error.ts';
import { parseDurationMs } from '../../base/duration.ts';
import { excerpt } from '../../base/excerpt.ts';
import type { WorkspaceView } from '../../contract/workspace/schema.ts';
import { AUTOMATIC_UPDATES } from '../../domain/workspace/automatic-updates.ts';
import { formatAge, formatAhead, formatDuration } from '../show/time.ts';

/** As in the template. */
const MIN_MS = 60_000;
const MAX_MS = 365 * 86_400_000;
const NEVER = 'none';

export const TTL_OPTION = {
  kind: 'text',
  value: 'DURATION',
  summary:
    'how long it runs after each start: 30m, 8h, 2d, or none; as the template says, if left out',
} as const;

export const TIMEZONE_OPTION = {
  kind: 'text',
  value: 'ZONE',
  summary: 'in which --autostart is read, such as Europe/Berlin; UTC, if left out',
} as const;

export const AUTOMATIC_UPDATES_OPTION = {
  kind: 'text',
  value: 'WHEN',
  choices: AUTOMATIC_UPDATES,
  summary: 'whether each start is with the version of its template that is active then',
} as const;

/** Undefined when it was not given, null where it is to be taken away. Throws USAGE. */
export function readAutostart({
  autostart: schedule,
  timezone,
}: {
  readonly autostart: string | undefined;
  readonly timezone: string | undefined;
}): { readonly schedule: string; readonly timezone: string } | null | undefined {
  const isGiven = schedule !== undefined && schedule !== NEVER;
  if (isGiven) return { schedule, timezone: timezone ?? 'UTC' };
  if (timezone === undefined) return schedule === undefined ? undefined : null;
  throw new AppError('USAGE', {
    detail: '--timezone is given without a schedule',
    hint: 'Give both, such as --autostart "0 9 * * 1-5" --timezone Europe/Berlin.',
  });
}

/** Undefined when it was not given. Throws USAGE. */
export function readTtl(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return text === NEVER ? 0 : readSeconds('--ttl', text, ` or "${NEVER}"`);
}

/** Throws USAGE. */
export function readSeconds(what: string, text: string, or = ''): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms >= MIN_MS && ms <= MAX_MS) return Math.floor(ms / 1_000);
  throw new AppError('USAGE', {
    detail: `${what} is ${excerpt(text)}, not a duration from 1m to 365d${or}`,
    hint: 'For example: 30m, 8h or 2d.',
  });
}

type Life = Pick<
  WorkspaceView,
  | 'ttl_seconds'
  | 'deadline_at'
  | 'lifetime_ends_at'
  | 'autostart'
  | 'idle_stop_seconds'
  | 'dormant_at'
  | 'dormant_until'
  | 'automatic_updates'
>;

/** Facts of it: none where nothing happens by itself. */
export function describeLife(life: Life, now: Instant): readonly (readonly [string, string])[] {
  const { ttl_seconds: ttl, deadline_at: deadline, lifetime_ends_at: end, autostart } = life;
  const { idle_stop_seconds: idle, dormant_at: since, dormant_until: until } = life;
  const { automatic_updates: updates } = life;
  return [
    ...(autostart === null ? [] : [['starts', describeAutostart(autostart, now)] as const]),
    ...describeRefusal(autostart?.refused ?? null, now),
    ...(updates === 'never' ? [] : [['updates', 'at each start'] as const]),
    ...(ttl === null ? [] : [['runs for', formatDuration(ttl)] as const]),
    ...(deadline === null
      ? []
      : [['stops', `${formatAhead(deadline, now)} (${deadline})`] as const]),
    ...(idle === null ? [] : [['stops unused', `after ${formatDuration(idle)}`] as const]),
    ...(since === null ? [] : [['dormant', `for ${formatAge(since, now)}`] as const]),
    ...(until === null
      ? []
      : [['is cleaned up', `${formatAhead(until, now)} (${until})`] as const]),
    ...(end === null ? [] : [['is deleted', `${formatAhead(end, now)} (${end})`] as const]),
  ];
}

function describeAutostart(
  { schedule, timezone, next_at: next }: NonNullable<Life['autostart']>,
  now: Instant,
): string {
  const following = next === null ? '' : `, next ${formatAhead(next, now)} (${next})`;
  return `${schedule} ${timezone}${following}`;
}

function describeRefusal(
  refused: NonNullable<Life['autostart']>['refused'],
  now: Instant,
): readonly (readonly [string, string])[] {
  if (refused === null) return [];
  const { at, code, detail, hint } = refused;
  return [
    ['not started', `${formatAge(at, now)} ago: ${detail} (${code})`],
    ['to start it', hint],
  ];
}

/** What ends it next: `stops in 3h`. */
export function describeEnd(life: Life, now: Instant): string {
  const { deadline_at: deadline, lifetime_ends_at: end } = life;
  if (end !== null && (deadline === null || deadline >= end)) {
    return `deleted ${formatAhead(end, now)}`;
  }
  return deadline === null ? '-' : `stops ${formatAhead(deadline, now)}`;
}
