import {
  type Fields,
  METRIC_NAMESPACE,
  problemSchema,
  ROUTES,
  type Route,
  type RouteName,
  scopesOf,
} from '@pik/schema';
// The mini build: the classic one is thirty times its size.
import { toJSONSchema } from 'zod/mini';

import { CONTENT_TYPES } from './media-type.ts';
import { NDJSON } from './ndjson.ts';

type Json = Record<string, unknown>;

const PROBLEM = { $ref: '#/components/schemas/Problem' };

/** Routes that answer something besides JSON and lines. */
const OTHER_TYPES: { readonly [N in RouteName]?: readonly string[] } = {
  home: ['text/html', 'text/plain'],
  routes: ['text/html', 'text/plain'],
  metrics: ['text/plain'],
  tail: ['text/event-stream'],
  receipt: ['application/octet-stream'],
};

let text: string | null = null;

/** The document as JSON text, made once. */
export function openApiText(): string {
  text ??= JSON.stringify(openApi());
  return text;
}

/** The whole surface as an OpenAPI 3.1 document, from `ROUTES` alone. */
export function openApi(): Json {
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries(ROUTES) as [RouteName, Route][]) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: METRIC_NAMESPACE,
      version: '1',
      description: 'Keeps every event as received, decides its outcome once, and answers questions about it later.',
    },
    // Relative to the address of this document, so that any prefix that a proxy adds is kept.
    servers: [{ url: '.' }],
    paths,
    components: {
      schemas: { Problem: schemaOf(problemSchema, 'output') },
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key; a server without keys does not require it.' },
      },
    },
  };
}

function operation(name: RouteName, route: Route): Json {
  return {
    operationId: name,
    summary: route.summary,
    // OpenAPI 3.1 lets a bearer scheme list the roles that a key needs.
    security: route.scope === null ? [] : [{ key: scopesOf(name) }],
    parameters: [...pathParameters(route), ...queryParameters(route)],
    ...requestBody(route),
    responses: {
      200: { description: 'The answer.', content: answerContent(name, route) },
      default: { description: 'The error.', content: { 'application/problem+json': { schema: PROBLEM } } },
    },
  };
}

function pathParameters({ path, params = {} }: Route): Json[] {
  return [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => {
    const { doc, kind } = params[name] ?? {};
    return {
      name,
      in: 'path',
      required: true,
      ...(doc === undefined ? {} : { description: doc }),
      schema: { type: kind === 'count' ? 'integer' : 'string' },
    };
  });
}

function queryParameters({ query, fields = {} }: Route): Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(query, 'input') as { properties?: Json; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(fields[name] === undefined ? {} : { description: fields[name].doc }),
    schema,
  }));
}

function requestBody({ body, bodyFields }: Route): Json {
  if (body === undefined || (bodyFields !== undefined && Object.keys(bodyFields).length === 0)) return {};
  return { requestBody: bodyFields === undefined ? eventBody(body) : jsonBody(body, bodyFields) };
}

/** One JSON object, whose fields are declared. */
function jsonBody(body: NonNullable<Route['body']>, fields: Fields): Json {
  const { properties = {}, ...rest } = schemaOf(body, 'input') as { properties?: Record<string, object> };
  const described = Object.entries(properties).map(([name, schema]) => [
    name,
    { description: fields[name]?.doc, ...schema },
  ]);
  const schema = { ...rest, properties: Object.fromEntries(described) };
  return { required: true, content: { 'application/json': { schema } } };
}

function eventBody(body: NonNullable<Route['body']>): Json {
  const schema = schemaOf(body, 'input');
  const content = Object.entries(CONTENT_TYPES).map(([type, format]) => [
    type,
    format === 'ndjson' || type.includes('cloudevents') ? {} : { schema },
  ]);
  return {
    required: true,
    description: 'May be sent with content-encoding gzip.',
    content: Object.fromEntries(content),
  };
}

function answerContent(name: RouteName, { response, lines = 'never' }: Route): Json {
  const types = [...(lines === 'never' ? [] : [NDJSON]), ...(OTHER_TYPES[name] ?? [])];
  const other = types.map((type) => [type, {}]);
  const schema = response === undefined ? {} : { schema: schemaOf(response, 'output') };
  const alone = response === undefined && other.length > 0;
  return Object.fromEntries(alone ? other : [['application/json', schema], ...other]);
}

function schemaOf(schema: NonNullable<Route['query']>, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = toJSONSchema(schema, { io });
  return rest;
}
