// Looking for a secret wherever anybody or anything could read it.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import type { Route } from '../../src/contract/route.ts';
import { routes } from '../../src/contract/routes.ts';
import type { ConnectionParts } from '../../src/store/database.ts';
import { ask } from './postgres.ts';

/** Every way in which the secret may be written. */
function formsOf(secret: string): readonly string[] {
  const base64 = (text: string): string => Buffer.from(text).toString('base64').slice(0, -4);
  return [
    ...[secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)],
    ...[Buffer.from(secret).toString('hex'), base64(secret), base64(`u:${secret}`)],
  ];
}

/** What of these holds the secret, by name. */
export function findIn(texts: ReadonlyMap<string, string>, secret: string): readonly string[] {
  const forms = formsOf(secret);
  return [...texts].flatMap(([name, text]) =>
    forms.some((form) => text.includes(form)) ? [name] : [],
  );
}

/** Every row of every table. */
export async function dumpDatabase(
  connection: ConnectionParts,
): Promise<ReadonlyMap<string, string>> {
  const tables = (await ask(
    connection,
    `select table_name from information_schema.tables where table_schema = 'public'`,
  )) as readonly string[];
  const dumped = new Map<string, string>();
  for (const sealed of ['secret_parameters', 'owner_values']) expect(tables).toContain(sealed);
  for (const name of tables) {
    const rows = await ask(connection, `select t::text from "${name}" t`);
    dumped.set(`table ${name}`, rows.join('\n'));
  }
  return dumped;
}

/** Every file below the folder, by its path from the root. */
export async function readFiles(
  root: string,
  folder: string,
): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(path.join(root, folder), { recursive: true, withFileTypes: true });
  const read = new Map<string, string>();
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    // A server that runs takes files away.
    const bytes = await readFile(file).catch(() => undefined);
    if (bytes !== undefined) read.set(path.relative(root, file), bytes.toString('latin1'));
  }
  return read;
}

/** Whatever a person can ask for, each answer by its path. `values` are those of the paths' parameters. */
export async function askEverything(
  { url, token }: { readonly url: string; readonly token: string },
  values: Readonly<Record<string, readonly string[]>>,
): Promise<ReadonlyMap<string, string>> {
  const paths = (Object.values(routes) as readonly Route[])
    .filter(({ method, audience }) => method === 'get' && /^(person|anyone)$/.test(audience))
    .flatMap((route) => fill(route.path, values));
  expect(paths.length).toBeGreaterThan(20);
  const answers = new Map<string, string>();
  for (const one of paths) {
    const answer = await fetch(url + one, { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status, one).toBeLessThan(500);
    answers.set(one, await answer.text());
  }
  return answers;
}

/** The path with every value for every of its parameters. */
function fill(template: string, values: Readonly<Record<string, readonly string[]>>): string[] {
  const name = /\{(\w+)\}/.exec(template)?.[1];
  if (name === undefined) return [template];
  const known = values[name];
  if (known === undefined) throw new Error(`the test knows no value for {${name}}`);
  return known.flatMap((value) => fill(template.replace(`{${name}}`, value), values));
}
