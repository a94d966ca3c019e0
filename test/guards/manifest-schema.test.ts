import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderManifestSchema } from '../../scripts/manifest-schema.ts';
import { findPackageRoot } from '../../src/base/package-root.ts';
import { MANIFEST_ISSUES } from '../../src/contract/manifest/issue.ts';
import { manifestSource } from '../../src/contract/manifest/source.ts';

const docs = join(findPackageRoot(), 'docs');

/** Every object in the schema, with the path of keys that leads to it. */
function* listObjects(node: unknown, path = ''): Generator<readonly [string, Json]> {
  if (typeof node !== 'object' || node === null) return;
  const json = node as Json;
  if (json['type'] === 'object') yield [path, json];
  for (const [key, child] of Object.entries(json)) yield* listObjects(child, `${path}/${key}`);
}
type Json = Readonly<Record<string, unknown>>;

describe('the manifest schema for editors', () => {
  it('is what docs/schema/standby-manifest.json holds (run `npm run gen`)', async () => {
    const committed = await readFile(join(docs, 'schema', 'standby-manifest.json'), 'utf8');
    expect(committed).toBe(renderManifestSchema());
  });

  it('knows every key, and refuses every other one as the parser does', () => {
    const schema = JSON.parse(renderManifestSchema());
    expect(Object.keys(schema.properties)).toEqual(Object.keys(manifestSource.shape));
    const objects = [...listObjects(schema)];
    expect(objects.length).toBeGreaterThan(10);
    const open = objects.filter(([, { properties, additionalProperties }]) =>
      properties === undefined
        ? additionalProperties === undefined
        : additionalProperties !== false,
    );
    expect(open.map(([path]) => path)).toEqual([]);
  });
});

describe('docs/templates.md', () => {
  it('describes every key of the manifest', async () => {
    const page = await readFile(join(docs, 'templates.md'), 'utf8');
    const keys = new Set<string>();
    for (const [, { properties }] of listObjects(JSON.parse(renderManifestSchema()))) {
      for (const key of Object.keys(properties ?? {})) keys.add(key);
    }
    const missing = [...keys].filter((key) => !new RegExp(`\`(\\w+\\.)?${key}\``).test(page));
    expect(missing).toEqual([]);
  });

  it('describes every code of an issue, as the code does', async () => {
    const page = await readFile(join(docs, 'templates.md'), 'utf8');
    const rows = Object.entries(MANIFEST_ISSUES).map(
      ([code, when]) => `| \`${code}\` | ${when.replace('when ', '')} |`,
    );
    expect(rows.filter((row) => !page.includes(row))).toEqual([]);
  });
});
