// What one build's parameters have and another's have not.
import type { ParameterValues } from './check.ts';

export interface ParameterChange {
  readonly name: string;
  /** Null: it had none. */
  readonly from: string | null;
  /** Null: it has none any more. */
  readonly to: string | null;
}

/** In the order of their names, with those of `also` whether they differ or not. */
export function compareParameters(
  from: ParameterValues,
  to: ParameterValues,
  also: readonly string[] = [],
): readonly ParameterChange[] {
  return [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .sort()
    .map((name) => ({ name, from: valueOf(from, name), to: valueOf(to, name) }))
    .filter((change) => change.from !== change.to || also.includes(change.name));
}

export function isSameParameters(a: ParameterValues, b: ParameterValues): boolean {
  return compareParameters(a, b).length === 0;
}

function valueOf(values: ParameterValues, name: string): string | null {
  return Object.hasOwn(values, name) ? (values[name] ?? null) : null;
}
