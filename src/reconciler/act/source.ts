// What a preset's prebuilds are built from, or why they cannot be.
import type { Manifest } from '../../contract/manifest/schema.ts';
import { completeParameters, type ParameterValues } from '../../domain/parameter/check.ts';
import type { readPresetSources } from '../../store/preset.ts';

export type Source =
  | {
      readonly kind: 'fits';
      readonly manifest: Manifest;
      readonly parameters: ParameterValues;
      readonly dailyCost: number;
    }
  /** The parameters of the preset do not fit its version. */
  | { readonly kind: 'refused'; readonly reason: string };

type StoredSource = Awaited<ReturnType<typeof readPresetSources.one>>;

export function judgeSource(stored: StoredSource): Source {
  // The manifest was checked when its version was pushed, and versions never change.
  const manifest = stored.manifest as Manifest;
  const { values, issues } = completeParameters(manifest.parameters, stored.parameters);
  return issues.length === 0
    ? { kind: 'fits', manifest, parameters: values, dailyCost: stored.dailyCost }
    : { kind: 'refused', reason: issues.map((issue) => issue.detail).join(' ') };
}
