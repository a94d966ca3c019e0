// A preset as what is built from it, and its stored status. Written only under the pool's lock.
import type { PresetId } from '../base/id.ts';
import { amount, json, text, uuid } from './column.ts';
import { statement, takes } from './statement.ts';

export const readPresetSources = statement({
  name: 'preset.read_sources',
  takes: takes<{ readonly presetIds: readonly PresetId[] }>(),
  gives: {
    presetId: uuid<PresetId>(),
    manifest: json<unknown>(),
    parameters: json<Readonly<Record<string, string>>>(),
    /** Of one prebuild. */
    dailyCost: amount,
  },
  sql: `
    select p.id as preset_id, v.manifest, p.parameters, v.daily_cost
    from presets p
    join template_versions v on v.id = p.version_id
    where p.id = any ($presetIds::uuid[])`,
});

/** Marks a preset whose parameters do not fit its version, or takes the mark back with a null. */
export const storePresetStatus = statement({
  name: 'preset.store_status',
  takes: takes<{ readonly presetId: PresetId; readonly validationError: string | null }>(),
  gives: { name: text },
  sql: `
    update presets
    set status = case when $validationError::text is null then 'healthy' else 'validation_failed' end,
      validation_error = $validationError::text
    where id = $presetId
    returning name`,
});
