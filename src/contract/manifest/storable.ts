// Characters that YAML can write and neither a database nor a program's arguments can hold.
import { excerpt } from '../../base/excerpt.ts';
import type { Finding, ManifestPath } from './issue.ts';

/** The null character, and half a surrogate pair. */
const UNSTORABLE = /\0|\p{Surrogate}/u;

/** Every text in `value`, keys included, that has such a character. */
export function checkStorable(value: unknown, path: ManifestPath = []): readonly Finding[] {
  if (typeof value === 'string')
    return UNSTORABLE.test(value) ? [finding(value, path, 'value')] : [];
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => checkStorable(item, [...path, index]));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(UNSTORABLE.test(key) ? [finding(key, [...path, key], 'key')] : []),
    ...checkStorable(inner, [...path, key]),
  ]);
}

function finding(text: string, path: ManifestPath, at: 'key' | 'value'): Finding {
  return {
    code: 'INVALID_VALUE',
    message: `${excerpt(text)} has a character that cannot be stored`,
    hint: '',
    path,
    at,
  };
}
