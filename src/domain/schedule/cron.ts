// Cron expressions as ranges: an expression is the set of wall-clock minutes it matches, and is in
// force during all of them. Strict on purpose: what crons read differently from each other (L, W,
// #, ?, @daily, 7 for Sunday, ranges that wrap) is refused rather than guessed.
import { excerpt } from '../../base/excerpt.ts';

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names for the values, the first for `min`. */
  readonly names: readonly string[];
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const MINUTE: Field = { name: 'minute', min: 0, max: 59, names: [] };
const HOUR: Field = { name: 'hour', min: 0, max: 23, names: [] };
const DAY_OF_MONTH: Field = { name: 'day of month', min: 1, max: 31, names: [] };
const MONTH: Field = { name: 'month', min: 1, max: 12, names: MONTHS };
const DAY_OF_WEEK: Field = { name: 'day of week', min: 0, max: 6, names: DAYS };

export interface Cron {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** By weekday, 0 = Sunday: bit n is set when the nth of a month matches if it is that weekday. */
  readonly dates: readonly number[];
}

/** A day of some calendar on a wall; `dayOfWeek` counts from 0 = Sunday. */
export interface WallDay {
  readonly month: number;
  readonly dayOfMonth: number;
  readonly dayOfWeek: number;
}

/** A minute as a clock on some wall shows it. */
export interface WallMinute extends WallDay {
  readonly hour: number;
  readonly minute: number;
}

export type CronResult =
  | { readonly kind: 'cron'; readonly cron: Cron }
  /** `problem` is a clause that names what is wrong and what is allowed. */
  | { readonly kind: 'invalid'; readonly problem: string };

/** Reads `minute hour day-of-month month day-of-week`, separated by spaces or tabs. */
export function parseCron(expression: string): CronResult {
  const texts = expression.split(/[ \t]+/).filter((text) => text !== '');
  const [minute, hour, dayOfMonth, month, dayOfWeek] = texts;
  if (
    minute === undefined ||
    hour === undefined ||
    dayOfMonth === undefined ||
    month === undefined ||
    dayOfWeek === undefined ||
    texts.length > 5
  ) {
    return { kind: 'invalid', problem: `five fields are needed, not ${texts.length}` };
  }
  const problems: string[] = [];
  const read = (field: Field, text: string): ReadonlySet<number> =>
    parseField(field, text, problems);
  const cron: Cron = {
    minutes: read(MINUTE, minute),
    hours: read(HOUR, hour),
    dates: combineDays(
      { values: read(DAY_OF_MONTH, dayOfMonth), restricted: dayOfMonth !== '*' },
      { values: read(DAY_OF_WEEK, dayOfWeek), restricted: dayOfWeek !== '*' },
    ),
    months: read(MONTH, month),
  };
  const [problem] = problems;
  return problem === undefined ? { kind: 'cron', cron } : { kind: 'invalid', problem };
}

/** Whether the expression matches this minute of the wall clock. */
export function matchesMinute(cron: Cron, at: WallMinute): boolean {
  return cron.minutes.has(at.minute) && cron.hours.has(at.hour) && matchesDay(cron, at);
}

/** Whether the expression matches at some time of this day. */
export function matchesDay(cron: Cron, day: WallDay): boolean {
  const dates = cron.dates[day.dayOfWeek] ?? 0;
  return cron.months.has(day.month) && (dates & (1 << day.dayOfMonth)) !== 0;
}

interface DayField {
  readonly values: ReadonlySet<number>;
  /** Anything but a bare `*`. */
  readonly restricted: boolean;
}

/** If both day fields are restricted, either of them may match; otherwise both must. */
function combineDays(date: DayField, weekday: DayField): readonly number[] {
  const either = date.restricted && weekday.restricted;
  const dates = [...date.values].reduce((bits, n) => bits | (1 << n), 0);
  return DAYS.map((_, n) => {
    if (weekday.values.has(n)) return either ? ~0 : dates;
    return either ? dates : 0;
  });
}

function parseField(field: Field, text: string, problems: string[]): ReadonlySet<number> {
  const values = new Set<number>();
  for (const item of text.split(',')) {
    const range = parseItem(field, item);
    if (typeof range === 'string') problems.push(`${field.name} ${excerpt(item)}: ${range}`);
    else for (let n = range.first; n <= range.last; n += range.step) values.add(n);
  }
  return values;
}

interface Range {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

// ASCII only: JavaScript would upper-case a long s to S, and take other scripts' digits nowhere.
const ITEM = /^(?:\*|([0-9]{1,2}|[A-Za-z]{3})(?:-([0-9]{1,2}|[A-Za-z]{3}))?)(?:\/([0-9]{1,2}))?$/;

/** One item of a list: all, one value or a range, perhaps with a step; or the problem with it. */
function parseItem(field: Field, item: string): Range | string {
  const parts = ITEM.exec(item);
  if (parts === null) return 'expected *, a number, a range a-b, or a step */n or a-b/n';
  const [, from, to, by] = parts;
  if (from !== undefined && to === undefined && by !== undefined) {
    return 'a step needs * or a range before it';
  }
  const first = from === undefined ? field.min : parseValue(field, from);
  const last = to === undefined ? (from === undefined ? field.max : first) : parseValue(field, to);
  if (first === undefined || last === undefined) return `expected ${describeValues(field)}`;
  if (first > last) return 'a range must not run backwards';
  const step = by === undefined ? 1 : Number(by);
  const count = field.max - field.min + 1;
  if (step < 1 || step > count) return `a step must lie between 1 and ${count}`;
  return { first, last, step };
}

function parseValue(field: Field, text: string): number | undefined {
  const named = field.names.indexOf(text.toUpperCase());
  if (named >= 0) return field.min + named;
  const value = Number(text);
  return value >= field.min && value <= field.max ? value : undefined;
}

function describeValues(field: Field): string {
  const numbers = `${field.min} to ${field.max}`;
  const [first] = field.names;
  return first === undefined ? numbers : `${numbers} or ${first} to ${field.names.at(-1) ?? first}`;
}
