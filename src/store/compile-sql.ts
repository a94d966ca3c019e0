// Makes the texts that PostgreSQL is asked of the one that a statement is written as.

/** One of a statement's texts, as PostgreSQL keeps it. */
export interface Variant {
  readonly name: string;
  readonly text: string;
  /** In the order of their numbers. */
  readonly parameters: readonly string[];
}

export interface CompiledSql {
  /** With all of its filters. */
  readonly full: Variant;
  readonly variantFor: (args: Readonly<Record<string, unknown>>) => Variant;
  readonly variants: () => readonly Variant[];
}

// For private use: no statement holds them itself.
const BEGIN = '\uE000';
const END = '\uE001';
const PART = /([\uE000\uE001])/;

// `$name` is a parameter unless the dollar follows a word character (as in a quoted `$$`).
const PARAMETER = /(?<![\w$])\$([a-z][A-Za-z0-9]*)/g;

// PostgreSQL cuts a longer one, and pg looks for it by the whole.
const MAX_NAME_LENGTH = 63;
// Each is a text of its own that every connection plans and keeps.
const MAX_FILTERS = 6;

/**
 * A part of a statement that is left out where a parameter in it is null or false. A plan that is made for whatever
 * values come cannot leave `$name is null or …` out: it goes through all rows also for the one that has the name.
 */
export function ifGiven(sql: string): string {
  if (PART.test(sql)) throw new Error(`a part that may be left out has one in it: ${shown(sql)}`);
  if (namesIn(sql).length === 0) {
    throw new Error(`a part that may be left out names no parameter to tell by: ${shown(sql)}`);
  }
  return `${BEGIN}${sql}${END}`;
}

export function compileSql(name: string, sql: string): CompiledSql {
  // Every other one stands in `ifGiven`.
  const parts = sql.split(PART).filter((part) => part !== BEGIN && part !== END);
  const filters = parts.flatMap((part, index) => (index % 2 === 1 ? [namesIn(part)] : []));
  const choices = 2 ** filters.length;
  if (filters.length > MAX_FILTERS) {
    throw new Error(
      `${name}: ${filters.length} parts may be left out, at most ${MAX_FILTERS} expected`,
    );
  }
  const longest = nameOf(name, choices - 1);
  if (longest.length > MAX_NAME_LENGTH) {
    throw new Error(`${longest}: a statement's name has at most ${MAX_NAME_LENGTH} characters`);
  }
  const made = new Map<number, Variant>();
  const variant = (choice: number): Variant => {
    const known = made.get(choice);
    if (known !== undefined) return known;
    const kept = parts.filter((_, index) => index % 2 === 0 || isChosen(choice, (index - 1) / 2));
    const fresh = { name: nameOf(name, choice), ...numbered(kept.join('')) };
    made.set(choice, fresh);
    return fresh;
  };
  return {
    full: variant(choices - 1),
    variantFor: (args) =>
      variant(
        filters.reduce(
          (choice, names, bit) =>
            names.every((each) => isGiven(args[each])) ? choice + 2 ** bit : choice,
          0,
        ),
      ),
    variants: () => Array.from({ length: choices }, (_, choice) => variant(choice)),
  };
}

/** `choice` has a bit for each filter, the first one the lowest. */
function nameOf(name: string, choice: number): string {
  return choice === 0 ? name : `${name}/${choice}`;
}

function isChosen(choice: number, bit: number): boolean {
  return Math.floor(choice / 2 ** bit) % 2 === 1;
}

function isGiven(value: unknown): boolean {
  return value !== null && value !== false;
}

function namesIn(sql: string): readonly string[] {
  return [...sql.matchAll(PARAMETER)].map(([, name = '']) => name);
}

function numbered(sql: string): Pick<Variant, 'text' | 'parameters'> {
  const parameters: string[] = [];
  const text = sql.replace(PARAMETER, (_match, name: string) => {
    if (!parameters.includes(name)) parameters.push(name);
    return `$${parameters.indexOf(name) + 1}`;
  });
  return { text, parameters };
}

function shown(sql: string): string {
  return sql
    .replaceAll(/[\uE000\uE001]/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
