// Writes every generated file: `npm run gen`. Guard tests fail when one is not current.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPackageRoot } from '../src/base/package-root.ts';
import { renderCliReference } from './cli-reference.ts';
import { renderConfigurationReference } from './configuration-reference.ts';
import { renderErrorReference } from './error-reference.ts';

const docs = join(findPackageRoot(), 'docs');
const errors = join(docs, 'errors.md');

writeFileSync(join(docs, 'cli.md'), await renderCliReference());
writeFileSync(join(docs, 'configuration.md'), renderConfigurationReference());
writeFileSync(errors, renderErrorReference(existsSync(errors) ? readFileSync(errors, 'utf8') : ''));
