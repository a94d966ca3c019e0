// The API's description (OpenAPI 3.1), made from the route table and nothing else.
import { ERRORS, type ErrorCode } from '../../base/error-catalog.ts';
import { problemSchema } from '../../contract/problem.ts';
import {
  ARCHIVE,
  isEventStream,
  isTextType,
  type Audience,
  type Route,
} from '../../contract/route.ts';
import { routes } from '../../contract/routes.ts';
import { createSchemaWriter, type JsonSchema, type SchemaWriter } from './schema.ts';

export type OpenApiDocument = Readonly<Record<string, unknown>>;

const SECURITY: { readonly [A in Exclude<Audience, 'anyone'>]: string } = {
  person: "A person's token (`standby token create`); begins with sbt_.",
  provisioner: "A provisioner daemon's key; begins with sbp_.",
  agent_bootstrap:
    "A workspace's bootstrap token, good for one exchange at a time; begins with sba_.",
  agent: "An agent's session, bound to a workspace and its owner's epoch; begins with sbs_.",
  metrics: "The metrics token, which begins with sbm_, or an administrator's token.",
};

export function createOpenApiDocument(version: string): OpenApiDocument {
  const schemas = createSchemaWriter();
  schemas.write(problemSchema, 'output');
  const errorAnswers = new Map<string, JsonSchema>();
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of Object.values(routes) as readonly Route[]) {
    const operations = (paths[route.path] ??= {});
    operations[route.method] = describeRoute({ schemas, errorAnswers }, route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Standby',
      version,
      description:
        'Keeps pools of prebuilt workspaces warm. Errors are application/problem+json with a stable code; see docs/api.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: schemas.components(),
      responses: Object.fromEntries([...errorAnswers].sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: Object.fromEntries(
        Object.entries(SECURITY).map(([audience, description]) => [
          audience,
          { type: 'http', scheme: 'bearer', description },
        ]),
      ),
    },
  };
}

interface Parts {
  readonly schemas: SchemaWriter;
  /** Shared by routes, by their codes. */
  readonly errorAnswers: Map<string, JsonSchema>;
}

function describeRoute({ schemas, errorAnswers }: Parts, route: Route): JsonSchema {
  return {
    operationId: route.id,
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    security: route.audience === 'anyone' ? [] : [{ [route.audience]: [] }],
    parameters: [
      ...describeParameters(schemas, 'path', route.params),
      ...describeParameters(schemas, 'query', route.query),
      ...describeParameters(schemas, 'header', route.headers),
    ],
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: contentOf(schemas, route.body, 'input') } }),
    responses: { ...describeAnswers(schemas, route), ...describeErrors(route, errorAnswers) },
  };
}

function describeParameters(
  schemas: SchemaWriter,
  place: 'path' | 'query' | 'header',
  schema: Route['params'],
): readonly JsonSchema[] {
  if (schema === undefined) return [];
  // What is meant, not the text it travels as; but what has a default may be left out.
  const { properties } = schemas.write(schema, 'output') as {
    properties: Record<string, JsonSchema>;
  };
  const { required = [] } = schemas.write(schema, 'input') as { required?: readonly string[] };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: place,
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: property,
  }));
}

function contentOf(
  schemas: SchemaWriter,
  body: NonNullable<Route['body'] | Route['answers'][number]>,
  io: 'input' | 'output',
): JsonSchema {
  if (isEventStream(body)) {
    // OpenAPI 3.1 knows no streams: each event's data stands in an extension.
    const events: Readonly<Record<string, JsonSchema>> = Object.fromEntries(
      Object.entries(body.events).map(([name, data]) => [name, schemas.write(data, io)] as const),
    );
    return { 'text/event-stream': { schema: { type: 'string' }, 'x-events': events } };
  }
  if (body === ARCHIVE) return { [ARCHIVE]: { schema: { type: 'string', format: 'binary' } } };
  if (isTextType(body)) return { [body]: { schema: { type: 'string' } } };
  return { 'application/json': { schema: schemas.write(body, io) } };
}

const ANSWER_TEXT: Readonly<Record<number, string>> = {
  200: 'Done',
  201: 'Made',
  202: 'Begun',
  204: 'Done; nothing to say',
};

function describeAnswers(
  schemas: SchemaWriter,
  route: Route,
): Readonly<Record<string, JsonSchema>> {
  const answers = Object.entries(route.answers).map(([status, body]) => [
    status,
    {
      description: ANSWER_TEXT[Number(status)] ?? 'Answered',
      ...(body === null ? {} : { content: contentOf(schemas, body, 'output') }),
    },
  ]);
  return Object.fromEntries(answers) as Readonly<Record<string, JsonSchema>>;
}

/** One answer for each status, with the codes that may come with it; equal ones are made once. */
function describeErrors(
  route: Route,
  errorAnswers: Map<string, JsonSchema>,
): Readonly<Record<string, JsonSchema>> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set([...commonCodes(route), ...route.errors])) {
    const { http } = ERRORS[code];
    byStatus.set(http, [...(byStatus.get(http) ?? []), code].sort());
  }
  const errors = [...byStatus]
    .sort(([a], [b]) => a - b)
    .map(([status, codes]): [string, JsonSchema] => {
      const name = codes.join('.');
      errorAnswers.set(name, describeError(codes));
      return [String(status), { $ref: `#/components/responses/${name}` }];
    });
  return Object.fromEntries(errors);
}

function describeError(codes: readonly ErrorCode[]): JsonSchema {
  const problem = { $ref: '#/components/schemas/Problem' };
  return {
    description: codes.join(', '),
    content: {
      'application/problem+json': {
        schema: { allOf: [problem, { properties: { code: { enum: codes } } }] },
      },
    },
  };
}

/** What a route may answer by its form alone. */
function commonCodes(route: Route): readonly ErrorCode[] {
  const codes: ErrorCode[] = ['BAD_REQUEST', 'REQUEST_TIMEOUT', 'INTERNAL', 'SERVER_STOPPING'];
  if (route.audience !== 'anyone') codes.push('UNAUTHENTICATED', 'DATABASE_UNAVAILABLE');
  if (route.params !== undefined) codes.push('NAME_INVALID');
  if (route.body !== undefined) codes.push('UNSUPPORTED_MEDIA_TYPE');
  if (route.body !== undefined && route.body !== ARCHIVE) {
    codes.push('BODY_TOO_LARGE', 'MALFORMED_JSON', 'NAME_INVALID');
  }
  return codes;
}
