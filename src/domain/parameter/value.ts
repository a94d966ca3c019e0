// The value of a parameter as text, in one form per value, so that equal values are equal texts.
// Everything between people and infrastructure (flags, environments, Terraform) is text anyway.

/** The types a template may give a parameter, each with the sentence that says what fits. */
export const PARAMETER_TYPES = {
  string: 'when any text fits',
  number: 'when it is a number as JSON writes it, such as 4, 0.5 or -1e3',
  bool: 'when it is true or false',
} as const;
export type ParameterType = keyof typeof PARAMETER_TYPES;

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** `text` in its one form (`4.0` is `4`), or undefined when it is no value of the type. */
export function canonicalValue(type: ParameterType, text: string): string | undefined {
  switch (type) {
    case 'string':
      return text;
    case 'bool':
      return text === 'true' || text === 'false' ? text : undefined;
    case 'number':
      return NUMBER.test(text) ? canonicalNumber(Number(text)) : undefined;
  }
}

function canonicalNumber(value: number): string | undefined {
  // Beyond 2^53 different texts would become one number, and silently another than was written.
  const exact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  if (!exact) return undefined;
  return value === 0 ? '0' : String(value);
}
