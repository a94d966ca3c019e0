// docs/schema/standby-manifest.json: what an editor checks while standby.yaml is written. Draft 7,
// which every editor's YAML support reads.
import { z } from 'zod';
import { DRIVERS } from '../src/contract/manifest/schema.ts';
import { manifestSource } from '../src/contract/manifest/source.ts';

export function renderManifestSchema(): string {
  const schema = z.toJSONSchema(manifestSource, {
    target: 'draft-7',
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema !== manifestSource.shape.driver) return;
      // Editors read `driver: null` as no text; Standby takes it for the driver of that name.
      delete jsonSchema.type;
      jsonSchema.enum = [...DRIVERS, null];
    },
  });
  return `${JSON.stringify(schema, null, 2)}\n`;
}
