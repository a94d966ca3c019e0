// Whether the declarations of parameters make sense: their defaults and options.
import { checkParameters } from '../../../domain/parameter/check.ts';
import { canonicalValue } from '../../../domain/parameter/value.ts';
import { excerpt } from '../../../base/excerpt.ts';
import type { Finding, ManifestPath } from '../issue.ts';
import type { Manifest, ManifestParameter } from '../schema.ts';
import { findRepeated } from './repeated.ts';

export function checkDeclarations({ parameters }: Manifest): readonly Finding[] {
  return [
    // As variables of the environment they are in capitals, without hyphens.
    ...findRepeated('parameter', parameters, (name) => name.toUpperCase().replaceAll('-', '_')),
    ...parameters.flatMap((parameter, index) => {
      const path = ['parameters', index];
      if (parameter.sensitive) return checkSensitive(parameter, path);
      const options = checkOptions(parameter, [...path, 'options']);
      // A default cannot be judged by options that are wrong themselves.
      return options.length > 0 ? options : checkDefault(parameter, [...path, 'default']);
    }),
  ];
}

/** An empty default says what a value's absence means, and tells nothing. */
function checkSensitive(
  { name, default: fallback, options }: ManifestParameter,
  path: ManifestPath,
): readonly Finding[] {
  const finding = (key: 'default' | 'options', hint: string): Finding => ({
    code: 'SENSITIVE_VALUE',
    message: `the parameter ${excerpt(name)} is sensitive, and its ${key} would be for everybody to read`,
    hint,
    path: [...path, key],
    at: 'key',
  });
  return [
    ...(fallback === null || fallback === ''
      ? []
      : [finding('default', 'Leave the default out, or make it empty: "".')]),
    ...(options.length === 0 ? [] : [finding('options', 'Leave the options out.')]),
  ];
}

function checkOptions(parameter: ManifestParameter, path: ManifestPath): readonly Finding[] {
  const { type, options } = parameter;
  return options.flatMap((option, index): readonly Finding[] => {
    const place = { path: [...path, index], hint: '', at: 'value' } as const;
    if (canonicalValue(type, option) === undefined) {
      return checkFits({ ...parameter, options: [] }, option, place.path);
    }
    if (options.indexOf(option) === index) return [];
    const message = `the option ${excerpt(option)} is there twice`;
    return [{ code: 'INVALID_VALUE', message, ...place }];
  });
}

function checkDefault(parameter: ManifestParameter, path: ManifestPath): readonly Finding[] {
  return parameter.default === null ? [] : checkFits(parameter, parameter.default, path);
}

function checkFits(
  parameter: ManifestParameter,
  value: string,
  path: ManifestPath,
): readonly Finding[] {
  const { issues } = checkParameters([parameter], { [parameter.name]: value });
  return issues.map(({ code, detail }) => ({
    code,
    message: detail.charAt(0).toLowerCase() + detail.slice(1).replace(/\.$/, ''),
    hint: '',
    path,
    at: 'value' as const,
  }));
}
