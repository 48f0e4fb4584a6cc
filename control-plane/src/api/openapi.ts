/** The OpenAPI 3.1 document of the API, made from the descriptions of its routes. */

import { PROBLEM_MEDIA_TYPE, PROBLEM_STATUS, type ProblemCode } from '@headwater/protocol/problem';
import { z } from 'zod';
import { PAGE } from './pages.ts';
import { type Permission, SENSITIVE } from '../people/roles.ts';
import { type AnswerBody, type Operation, isPermission } from './operation.ts';
import { isRecorded } from './recorded.ts';

type Json = Readonly<Record<string, unknown>>;

const TITLE = 'Headwater control plane';

/** RFC 9457, with a code of ours. */
const PROBLEM = {
  type: 'object',
  required: ['type', 'status', 'title', 'code'],
  properties: {
    type: { type: 'string', const: 'about:blank' },
    status: { type: 'integer' },
    title: { type: 'string' },
    code: { type: 'string', description: 'stable: what programs tell errors apart by' },
    detail: { type: 'string', description: 'one sentence for people about this occurrence' },
  },
} as const;

const SCHEMES: Readonly<Record<'people' | 'node' | 'join', Json>> = {
  people: { type: 'http', scheme: 'bearer', description: 'the admin token, an access token or an API key' },
  node: { type: 'http', scheme: 'bearer', description: 'the credential that a node got when it joined or renewed' },
  join: { type: 'http', scheme: 'bearer', description: 'a join token' },
};

/**
 * Writes the document.
 * @throws Error when two schemas under one name differ
 */
export function openApiDocument(operations: readonly Operation[], version: string): Json {
  const components = new Components();
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    const path = operation.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(operation, components) };
  }
  return {
    openapi: '3.1.0',
    info: { title: TITLE, version, license: { name: 'MIT', identifier: 'MIT' } },
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: { schemas: { Problem: PROBLEM, ...components.schemas }, securitySchemes: SCHEMES },
  };
}

/** Schemas that have a name of their own, each once. */
class Components {
  readonly schemas: Record<string, unknown> = {};

  /** A schema's JSON Schema, in which what has a name is referred to. */
  of(schema: z.ZodType, io: 'input' | 'output'): Json {
    const made = z.toJSONSchema(schema, {
      io,
      override: ({ jsonSchema }) => {
        // The format says it; the pattern beside it is longer than the page.
        if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      },
    });
    const text = JSON.stringify(made).replaceAll('"#/$defs/', '"#/components/schemas/');
    const { $schema: _, $defs = {}, ...own } = JSON.parse(text) as { $schema: string; $defs?: Json };
    for (const [name, body] of Object.entries($defs)) this.#add(name, body);
    return own;
  }

  #add(name: string, schema: unknown): void {
    const known = this.schemas[name];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(schema)) {
      throw new Error(`two schemas are named ${name}`);
    }
    this.schemas[name] = schema;
  }
}

function describe(operation: Operation, components: Components): Json {
  const { id, tag, summary, access, body } = operation;
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(isPermission(access) ? { description: permissionNeeded(access) } : {}),
    security: access === 'open' ? [] : [{ [isPermission(access) ? 'people' : access]: [] }],
    parameters: [
      ...pathParameters(operation.path),
      ...queryParameters(operation, components),
      ...headerParameters(operation),
    ],
    ...(body === undefined ? {} : { requestBody: requestBody(body, components) }),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.answers).map(([status, one]) => [
          status,
          { ...answer(one, components), ...headersOf(operation, Number(status)) },
        ]),
      ),
      ...(isRead(operation) ? { 304: { description: 'as the entity tag says' } } : {}),
      ...problems(problemsOf(operation)),
    },
  };
}

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters({ query }: Operation, components: Components): Json[] {
  return Object.entries(query?.shape ?? {}).map(([name, field]) => {
    const { description, ...schema } = components.of(field as z.ZodType, 'input');
    const isRequired = !(field as z.ZodType).safeParse(undefined).success;
    return { name, in: 'query', required: isRequired, ...(description === undefined ? {} : { description }), schema };
  });
}

function headerParameters({ method, tagged, idempotent }: Operation): Json[] {
  const names = [
    ...(tagged === true ? [method === 'GET' ? 'If-None-Match' : 'If-Match'] : []),
    ...(idempotent === true ? ['Idempotency-Key'] : []),
  ];
  return names.map((name) => ({ name, in: 'header', required: false, schema: { type: 'string' } }));
}

/** An empty body counts as `{}`, so where that fits the body may be left out. */
function requestBody(body: z.ZodType, components: Components): Json {
  const schema = components.of(body, 'input');
  return { required: !body.safeParse({}).success, content: { 'application/json': { schema } } };
}

function isRead({ method, tagged }: Operation): boolean {
  return tagged === true && method === 'GET';
}

function headersOf(operation: Operation, status: number): Json {
  if (status !== 200) return {};
  const names = [...(isRead(operation) ? ['ETag'] : []), ...(operation.query === PAGE ? ['Link'] : [])];
  const headers = names.map((name) => [name, { schema: { type: 'string' } }]);
  return names.length === 0 ? {} : { headers: Object.fromEntries(headers) as Json };
}

function answer(body: AnswerBody, components: Components): Json {
  if (body === null) return { description: 'done' };
  if (body === 'text') return { description: 'as asked', content: { 'text/plain': { schema: { type: 'string' } } } };
  return {
    description: body.description ?? 'as asked',
    content: { 'application/json': { schema: components.of(body, 'output') } },
  };
}

const IDEMPOTENCY = [
  'idempotency_key_malformed',
  'idempotency_key_reused',
  'idempotency_in_progress',
  'too_many_requests',
] as const;

/** Those that its handler answers, and those that come before it. */
function problemsOf(operation: Operation): ProblemCode[] {
  const { method, access, body, query, tagged, idempotent, problems: own = [] } = operation;
  return [
    ...own,
    ...(access === 'open' ? [] : (['unauthorized'] as const)),
    ...(isPermission(access) ? permissionProblems(access) : []),
    ...(isRecorded(operation) ? (['audit_unavailable'] as const) : []),
    ...(query === undefined ? [] : (['bad_query'] as const)),
    ...(body === undefined ? [] : (['bad_json', 'bad_field', 'body_too_large'] as const)),
    ...(tagged === true && method !== 'GET' ? (['precondition_failed'] as const) : []),
    ...(idempotent === true ? IDEMPOTENCY : []),
    'state_unavailable',
    'internal',
  ];
}

function permissionNeeded(permission: Permission): string {
  const again = SENSITIVE.has(permission) ? ', and the second factor again' : '';
  return `Wants the permission ${permission}${again}.`;
}

function permissionProblems(permission: Permission): readonly ProblemCode[] {
  const always = ['access_token_expired', 'api_key_unknown', 'api_key_expired', 'forbidden'] as const;
  if (permission === 'own') return always;
  const sensitive = SENSITIVE.has(permission) ? (['step_up_required', 'key_not_sensitive'] as const) : [];
  return [...always, 'password_change_required', ...sensitive];
}

function problems(codes: readonly ProblemCode[]): Json {
  const byStatus = Object.groupBy(new Set(codes), (code) => PROBLEM_STATUS[code]);
  const entries = Object.entries(byStatus).map(([status, those]) => {
    const own = { properties: { code: { enum: those } } };
    const schema = { allOf: [{ $ref: '#/components/schemas/Problem' }, own] };
    return [status, { description: those.join(', '), content: { [PROBLEM_MEDIA_TYPE]: { schema } } }];
  });
  return Object.fromEntries(entries) as Json;
}
