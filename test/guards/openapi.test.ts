import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderOpenApi } from '../../scripts/openapi.ts';
import { findPackageRoot } from '../../src/base/package-root.ts';
import type { Route } from '../../src/contract/route.ts';
import { routes } from '../../src/contract/routes.ts';

const all: readonly Route[] = Object.values(routes);

describe('the route table', () => {
  it('is what docs/openapi.json describes (run `npm run gen`)', async () => {
    const page = await readFile(join(findPackageRoot(), 'docs', 'openapi.json'), 'utf8');
    expect(page).toBe(renderOpenApi());
  });

  it('describes every reference it makes', () => {
    const text = renderOpenApi();
    const { components } = JSON.parse(text);
    for (const [, kind = '', name] of text.matchAll(/"#\/components\/(\w+)\/([^"]+)"/g)) {
      expect(Object.keys(components[kind])).toContain(name);
    }
  });

  it('says of every route that a request which stalls is answered', () => {
    const { paths, components } = JSON.parse(renderOpenApi());
    for (const { method, path } of all) {
      const { $ref } = paths[path][method].responses['408'];
      expect(components.responses[$ref.split('/').at(-1)].description).toBe('REQUEST_TIMEOUT');
    }
  });

  it('lists each route under its own id, and no two at one place', () => {
    for (const [id, route] of Object.entries<Route>(routes)) expect(route.id).toBe(id);
    const places = all.map(({ method, path }) => `${method} ${path.replace(/\{\w+\}/g, '{}')}`);
    expect(new Set(places).size).toBe(places.length);
  });

  it.each(all.map((route) => [route.id, route] as const))(
    'names the parameters of the path of %s',
    (_id, { path, params }) => {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(Object.keys(params?.shape ?? {}).sort()).toEqual(inPath.sort());
    },
  );

  it.each(all.map((route) => [route.id, route] as const))(
    'has no body in %s where HTTP does not carry one',
    (_id, { method, body }) => {
      if (method === 'get' || method === 'delete') expect(body).toBeUndefined();
    },
  );
});
