// Writes every generated file: `npm run gen`. Guard tests fail when one is not current.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPackageRoot } from '../src/base/package-root.ts';
import { renderCheckReference } from './check-reference.ts';
import { renderCliReference } from './cli-reference.ts';
import { renderConfigurationReference } from './configuration-reference.ts';
import { renderErrorReference } from './error-reference.ts';
import {
  CHECKSUMS_FILE,
  computeChecksums,
  findChanged,
  readChecksums,
} from './migration-checksums.ts';
import { renderManifestSchema } from './manifest-schema.ts';
import { renderMetricReference } from './metric-reference.ts';
import { renderOpenApi } from './openapi.ts';

const docs = join(findPackageRoot(), 'docs');
const errors = join(docs, 'errors.md');
const metrics = join(docs, 'metrics.md');
const doctor = join(docs, 'doctor.md');
const checksums = await computeChecksums();
const changed = findChanged(readChecksums(), checksums);

writeFileSync(join(docs, 'cli.md'), await renderCliReference());
writeFileSync(join(docs, 'openapi.json'), renderOpenApi());
writeFileSync(join(docs, 'schema', 'standby-manifest.json'), renderManifestSchema());
writeFileSync(join(docs, 'configuration.md'), renderConfigurationReference());
writeFileSync(errors, renderErrorReference(existsSync(errors) ? readFileSync(errors, 'utf8') : ''));

writeFileSync(doctor, renderCheckReference(readFileSync(doctor, 'utf8')));
writeFileSync(metrics, renderMetricReference(readFileSync(metrics, 'utf8')));

if (changed.length === 0) {
  writeFileSync(CHECKSUMS_FILE, `${JSON.stringify(checksums, null, 2)}\n`);
} else {
  process.stderr.write(
    `gen: ${changed.join(', ')} changed after it was merged. Restore it and write a new migration.\n` +
      'Before the first release only: remove its line from migrations/checksums.json.\n',
  );
  process.exitCode = 1;
}
