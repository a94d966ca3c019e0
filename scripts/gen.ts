// Writes every generated file: `npm run gen`. Guard tests fail when one is not current.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findPackageRoot } from '../src/base/package-root.ts';
import { renderCliReference } from './cli-reference.ts';

const root = findPackageRoot();
writeFileSync(join(root, 'docs', 'cli.md'), await renderCliReference());
