// Whether presets make sense: their names, their values for the template's parameters, their pools.
import { ERRORS } from '../../../base/error-catalog.ts';
import { findSimilar } from '../../../base/similar.ts';
import { checkName } from '../../../domain/name/name.ts';
import { completeParameters, type ParameterIssue } from '../../../domain/parameter/check.ts';
import { checkSchedules, type ScheduleIssue } from '../../../domain/schedule/check.ts';
import { ZONE_NAMES } from '../../../domain/schedule/zone-names.generated.ts';
import type { Finding, ManifestPath } from '../issue.ts';
import type { Manifest, ManifestPreset } from '../schema.ts';
import { findRepeated } from './repeated.ts';

export function checkPresets(manifest: Manifest): readonly Finding[] {
  const { presets } = manifest;
  return [
    ...findRepeated('preset', presets, (name) => name),
    ...checkDefaults(presets),
    ...presets.flatMap((preset, index) => checkPreset(manifest, preset, ['presets', index])),
  ];
}

function checkDefaults(presets: readonly ManifestPreset[]): readonly Finding[] {
  const first = presets.find((preset) => preset.default);
  return presets.flatMap((preset, index): readonly Finding[] => {
    if (!preset.default || first === undefined || preset === first) return [];
    return [
      {
        code: 'DEFAULT_DUPLICATE',
        message: `the preset "${first.name}" is the default already`,
        hint: '',
        path: ['presets', index, 'default'],
        at: 'value',
      },
    ];
  });
}

function checkPreset(
  manifest: Manifest,
  preset: ManifestPreset,
  path: ManifestPath,
): readonly Finding[] {
  const named = checkName('preset', preset.name);
  const findings = checkValues(manifest, preset, [...path, 'parameters']);
  const pool = preset.prebuilds === null ? [] : checkPool(preset.prebuilds, [...path, 'prebuilds']);
  if (named === null) return [...findings, ...pool];
  const message = uncapitalize(named.detail);
  const name = [...path, 'name'];
  return [
    { code: 'INVALID_VALUE', message, hint: '', path: name, at: 'value' },
    ...findings,
    ...pool,
  ];
}

function checkValues(
  { parameters }: Manifest,
  preset: ManifestPreset,
  path: ManifestPath,
): readonly Finding[] {
  const sensitive = parameters.filter((parameter) => parameter.sensitive).map(({ name }) => name);
  const { issues } = completeParameters(parameters, preset.parameters);
  const findings = issues.flatMap((issue): readonly Finding[] => {
    if (!sensitive.includes(issue.parameter)) {
      const hint = 'Give it a value here, or a default where it is declared.';
      return [toFinding(issue, { preset, path, hint })];
    }
    // Who asks for a workspace gives it. Nobody does where a pool builds ahead.
    if (issue.code !== 'PARAMETER_MISSING' || preset.prebuilds === null) return [];
    const hint = 'Give it an empty default where it is declared: prebuilds are built without it.';
    return [toFinding(issue, { preset, path, hint })];
  });
  const given = sensitive.filter((name) => Object.hasOwn(preset.parameters, name));
  return [...findings, ...given.map((name) => tellGiven(name, preset, path))];
}

function tellGiven(parameter: string, preset: ManifestPreset, path: ManifestPath): Finding {
  const why = 'is sensitive, and a value here would be for everybody to read';
  return {
    code: 'SENSITIVE_VALUE',
    message: `preset "${preset.name}": the parameter "${parameter}" ${why}`,
    hint: 'Leave it out: who asks for a workspace gives it.',
    path: [...path, parameter],
    at: 'key',
  };
}

function toFinding(
  { code, parameter, detail }: ParameterIssue,
  {
    preset,
    path,
    hint,
  }: { readonly preset: ManifestPreset; readonly path: ManifestPath; readonly hint: string },
): Finding {
  const isMissing = code === 'PARAMETER_MISSING';
  return {
    code,
    message: `preset "${preset.name}": ${uncapitalize(detail)}`,
    hint: isMissing ? hint : '',
    path: isMissing ? path : [...path, parameter],
    at: code === 'PARAMETER_TYPE_WRONG' || code === 'PARAMETER_OPTION_UNKNOWN' ? 'value' : 'key',
  };
}

function checkPool(
  prebuilds: NonNullable<ManifestPreset['prebuilds']>,
  path: ManifestPath,
): readonly Finding[] {
  const { instances, max_instances: max, scheduling } = prebuilds;
  const schedules = scheduling?.schedules ?? [];
  const place: ManifestPath = [...path, 'scheduling'];
  return [
    ...checkCount(instances, max, [...path, 'instances']),
    ...schedules.flatMap((schedule, index) =>
      checkCount(schedule.instances, max, [...place, 'schedules', index, 'instances']),
    ),
    ...checkSchedules(schedules, scheduling?.timezone ?? '').map(
      ({ code, detail, index }): Finding => ({
        code,
        message: uncapitalize(detail),
        hint: adviseOn(code, scheduling?.timezone ?? ''),
        path: index === null ? [...place, 'timezone'] : [...place, 'schedules', index, 'cron'],
        at: 'value',
      }),
    ),
  ];
}

function adviseOn(code: ScheduleIssue['code'], zone: string): string {
  const meant = code === 'TIMEZONE_UNKNOWN' ? findSimilar(zone, ZONE_NAMES) : undefined;
  return meant === undefined ? ERRORS[code].hint : `Did you mean "${meant}"?`;
}

function checkCount(count: number, max: number | null, path: ManifestPath): readonly Finding[] {
  if (max === null || count <= max) return [];
  const message = `${count} instances are more than max_instances, which is ${max}`;
  return [{ code: 'INSTANCES_ABOVE_MAX', message, hint: '', path, at: 'value' }];
}

/** A sentence of the rules, as the clause after a place. */
function uncapitalize(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, '');
}
