// Names that must not occur twice in a list.
import type { Finding } from '../issue.ts';

/** Points at each later one of two whose names are equal in the form that `keyOf` gives. */
export function findRepeated(
  kind: 'parameter' | 'preset' | 'agent',
  named: readonly { readonly name: string }[],
  keyOf: (name: string) => string,
): readonly Finding[] {
  const seen = new Map<string, string>();
  return named.flatMap(({ name }, index): readonly Finding[] => {
    const key = keyOf(name);
    const earlier = seen.get(key);
    if (earlier === undefined) {
      seen.set(key, name);
      return [];
    }
    const message =
      earlier === name
        ? `there are two ${kind}s "${name}"`
        : `the ${kind}s "${earlier}" and "${name}" differ too little`;
    const path = [`${kind}s`, index, 'name'];
    return [{ code: 'NAME_DUPLICATE', message, hint: '', path, at: 'value' }];
  });
}
