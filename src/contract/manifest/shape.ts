// What does not fit the shape of standby.yaml, said about the key or value at fault: which keys
// there could be, and which of them was probably meant.
import { z } from 'zod';
import { excerpt } from '../../base/excerpt.ts';
import { findSimilar } from '../../base/similar.ts';
import { requirement, YAML_TYPES } from '../requirement.ts';
import { MAX_ISSUES, type Finding, type ManifestPath } from './issue.ts';

export type Shaped<T> =
  | { readonly kind: 'fits'; readonly value: T }
  | { readonly kind: 'misfits'; readonly findings: readonly Finding[] };

/** Everything in `value` that does not fit `schema`, at once. */
export function checkShape<T extends z.ZodType>(schema: T, value: unknown): Shaped<z.output<T>> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return { kind: 'fits', value: result.data };
  return {
    kind: 'misfits',
    findings: result.error.issues.flatMap((issue) => toFindings(schema, issue)),
  };
}

type Issue = z.core.$ZodIssue;

function toFindings(schema: z.ZodType, issue: Issue): readonly Finding[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  if (issue.code === 'unrecognized_keys') {
    const known = listKeys(schema, path);
    return issue.keys.slice(0, MAX_ISSUES).map((key) => unknownKey(key, path, known));
  }
  const subject = path.at(-1) ?? 'the document';
  const name = typeof subject === 'number' ? `entry ${subject + 1}` : subject;
  if (issue.input === undefined && issue.code !== 'custom') {
    return [{ code: 'MISSING_KEY', message: `${name} is missing`, hint: '', path, at: 'value' }];
  }
  if (issue.code === 'invalid_key') {
    const message = `the key ${excerpt(name)} ${issue.issues.map((inner) => requirement(inner, YAML_TYPES)).join(', ')}`;
    return [{ code: 'INVALID_VALUE', message, hint: '', path, at: 'key' }];
  }
  const code = issue.code === 'invalid_type' ? 'WRONG_TYPE' : 'INVALID_VALUE';
  const shown = show(issue.input);
  const message = `${name} ${shown === '' ? '' : `is ${shown}, but `}${requirement(issue, YAML_TYPES)}`;
  return [{ code, message, hint: suggestValue(issue), path, at: 'value' }];
}

function unknownKey(key: string, parent: ManifestPath, known: readonly string[]): Finding {
  const similar = findSimilar(key, known);
  const hint =
    similar === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean "${similar}"?`;
  return {
    code: 'UNKNOWN_KEY',
    message: `the key ${excerpt(key)} is not known here`,
    hint: known.length === 0 ? 'Nothing can be set here.' : hint,
    path: [...parent, key],
    at: 'key',
  };
}

function suggestValue(issue: Issue): string {
  if (issue.code !== 'invalid_value' || typeof issue.input !== 'string') return '';
  const similar = findSimilar(issue.input, issue.values.map(String));
  return similar === undefined ? '' : `Did you mean "${similar}"?`;
}

function show(value: unknown): string {
  if (typeof value === 'string') return excerpt(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === null) return 'empty';
  return '';
}

/** The keys that the object at `path` may have. */
function listKeys(schema: z.core.$ZodType, path: ManifestPath): readonly string[] {
  const at = unwrap(schema);
  const [part, ...rest] = path;
  if (at instanceof z.ZodArray) return listKeys(at.element, rest);
  if (!(at instanceof z.ZodObject)) return [];
  if (part === undefined) return Object.keys(at.shape);
  const child: unknown = at.shape[part];
  return child instanceof z.ZodType ? listKeys(child, rest) : [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapper =
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault;
  return isWrapper ? unwrap(schema.unwrap()) : schema;
}
