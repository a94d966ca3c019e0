// A control plane that answers every route of the table with the schema's own form and hostile text in
// every place that takes any text.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { isEventStream, type Route } from '../../src/contract/route.ts';
import { routes } from '../../src/contract/routes.ts';

/** Moves the cursor, makes links, changes colours, forges lines, turns the writing around. */
export const HOSTILE =
  'x\u001b]8;;http://evil\u0007\u001b[31m\u001b[2J\rforged\nforged\r\nforged\u0085forged\u009b2J' +
  '\u2028forged\u2029\u202eevil\u202c\u2066\u200f\u200b\ufeff\u007f\b\0\tforged\u{e0041}';

export interface HostileServer extends AsyncDisposable {
  readonly url: string;
  /** Ids of the routes that were asked for. */
  readonly asked: ReadonlySet<string>;
}

export interface HostileOptions {
  /** Values for properties of these names, wherever they fit. */
  readonly fixed: Readonly<Record<string, unknown>>;
}

export async function startHostileServer({ fixed }: HostileOptions): Promise<HostileServer> {
  const asked = new Set<string>();
  const server = createServer((request, response) => {
    const route = findRoute(request.method ?? '', request.url ?? '');
    if (route === undefined) {
      const problem = { type: 'x', title: 'x', status: 404, code: 'NOT_FOUND', request_id: 'x' };
      response.writeHead(404).end(JSON.stringify({ ...problem, detail: HOSTILE, hint: HOSTILE }));
      return;
    }
    asked.add(route.id);
    const [[status, answer] = ['204', null]] = Object.entries(route.answers);
    if (answer === null) response.writeHead(Number(status)).end();
    else if (isEventStream(answer)) {
      const events = Object.entries(answer.events).map(
        ([name, schema]) =>
          `id: 1.0\nevent: ${name}\ndata: ${JSON.stringify(sample(schema, fixed))}\n\n`,
      );
      response.writeHead(Number(status)).end(events.join(''));
    } else {
      const body = answer instanceof z.ZodType ? JSON.stringify(sample(answer, fixed)) : '';
      response.writeHead(Number(status)).end(body);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function findRoute(method: string, url: string): Route | undefined {
  const path = url.split('?', 1)[0] ?? '';
  // The longest first: `{job}` also matches what stands at the end of a longer path.
  return Object.values<Route>(routes).find((route) => {
    const pattern = new RegExp(`^${route.path.replace(/\{\w+\}/g, '[^/]+')}$`);
    return route.method.toUpperCase() === method && pattern.test(path);
  });
}

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** What the schema allows, with hostile text wherever it allows any. */
function sample(schema: z.ZodType, fixed: HostileOptions['fixed']): unknown {
  const root = z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }) as JsonSchema;
  const make = (given: JsonSchema): unknown => {
    const of =
      given.$ref === undefined ? given : (root.$defs?.[given.$ref.split('/').at(-1) ?? ''] ?? {});
    if (of.const !== undefined) return of.const;
    if (of.enum !== undefined) return of.enum[0];
    const variants = of.anyOf ?? of.oneOf;
    if (variants !== undefined)
      return make(variants.find((variant) => !typesOf(variant).includes('null')) ?? {});
    switch (typesOf(of)[0]) {
      case 'object': {
        const properties = Object.entries(of.properties ?? {}).map(([name, property]) => [
          name,
          fits(property, fixed[name]) ? fixed[name] : make(property),
        ]);
        const more = of.additionalProperties;
        const others = typeof more === 'object' ? [[HOSTILE.slice(0, 64), make(more)]] : [];
        return Object.fromEntries([...properties, ...others]) as unknown;
      }
      case 'array':
        return [make(of.items ?? {})];
      case 'integer':
      case 'number':
        return 1;
      case 'boolean':
        return true;
      case 'null':
        return null;
      default:
        return textOf(of);
    }
  };
  return make(root);
}

function typesOf({ type = [] }: JsonSchema): readonly string[] {
  return typeof type === 'string' ? [type] : type;
}

function fits(schema: JsonSchema, value: unknown): boolean {
  if (value === undefined) return false;
  if (schema.enum !== undefined) return schema.enum.includes(value);
  return typesOf(schema).includes(value === null ? 'null' : typeof value);
}

function textOf({ format, pattern, maxLength }: JsonSchema): string {
  if (format === 'uuid') return '019a0000-0000-7000-8000-000000000000';
  if (format === 'date-time') return '2026-01-02T08:00:00.000Z';
  if (pattern !== undefined) return 'name';
  return HOSTILE.slice(0, maxLength ?? HOSTILE.length);
}
