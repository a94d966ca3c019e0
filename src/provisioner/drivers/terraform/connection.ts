// The output `standby`: what people need to reach the workspace.
import { AppError } from '../../../base/app-error.ts';
import { excerpt } from '../../../base/excerpt.ts';
import type { Outputs, Started } from '../../driver.ts';
import type { State } from './state.ts';

/** What the control plane takes of one name and one value. */
const MAX_NAME_CHARS = 64;
const MAX_VALUE_CHARS = 2_000;

/** Throws BUILD_FAILED where it is no object of texts, numbers and bools. */
export function readConnection({ outputs }: State): Pick<Started, 'outputs' | 'secretOutputs'> {
  const output = outputs['standby'];
  if (output === undefined) return { outputs: {}, secretOutputs: {} };
  const details = toDetails(output.value);
  return output.sensitive
    ? { outputs: {}, secretOutputs: details }
    : { outputs: details, secretOutputs: {} };
}

function toDetails(value: unknown): Outputs {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('BUILD_FAILED', 'the output "standby" must be an object, such as {url = …}');
  }
  const details = Object.entries(value).flatMap(([name, detail]): [string, string][] =>
    detail === null ? [] : [[name, toText(name, detail)]],
  );
  return Object.fromEntries(details);
}

function toText(name: string, detail: unknown): string {
  const isPlain = ['string', 'number', 'boolean'].includes(typeof detail);
  if (!isPlain) throw refuse(name, 'is a list or an object; it must be text, a number or a bool');
  const text = `${detail as string | number | boolean}`;
  if (name.length > MAX_NAME_CHARS)
    throw refuse(name, `has more than ${MAX_NAME_CHARS} characters`);
  if (text.length <= MAX_VALUE_CHARS) return text;
  throw refuse(name, `has a value of ${text.length} characters; ${MAX_VALUE_CHARS} are allowed`);
}

function refuse(name: string, why: string): AppError {
  return new AppError('BUILD_FAILED', `${excerpt(name)} in the output "standby" ${why}`);
}
