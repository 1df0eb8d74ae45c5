import type { SchemaNode } from './field-rules.ts'
import { jsonResponse } from './problem.ts'
import type { Route } from './router.ts'

/**
 * The API document (OpenAPI 3.1, whose schemas are JSON Schema 2020-12, as ours are), made from the
 * routes that answer: what is not in it does not exist, and what it says is what is checked.
 */

/** What a document says of the program. */
export interface ApiInfo {
  readonly title: string
  readonly version: string
  readonly description?: string
}

/** A JSON value of the document. */
export type ApiNode = Readonly<Record<string, unknown>>

/** Refusals any operation with such an input can answer with. */
const inputRefusals = { body: [400, 413, 415, 422], query: [400, 422] } as const

/** The document for `routes`; hidden ones are left out. O(routes). */
export function openApi(routes: readonly Route[], info: ApiInfo): ApiNode {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    if (route.hidden) continue
    const path = route.path.replaceAll('...}', '}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info,
    paths,
    components: {
      schemas: { Problem: problemSchema },
      securitySchemes: { admin: { type: 'http', scheme: 'bearer' } },
      responses: {
        Problem: {
          description: 'A problem (RFC 9457)',
          content: {
            'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
          },
        },
      },
    },
  }
}

function operation(route: Route): ApiNode {
  const { name, summary, admin, body, query, answer, consumes, status = 200 } = route
  const type = route.produces ?? 'application/json'
  const refusals = new Set<number>([
    ...(route.refusals ?? []),
    ...(body ? inputRefusals.body : []),
    ...(query ? inputRefusals.query : []),
    ...(admin ? [401] : []),
  ])
  const responses: Record<string, unknown> = {
    [status]: {
      description: 'Success',
      ...(answer ? { content: { [type]: { schema: answer } } } : {}),
    },
  }
  for (const code of [...refusals].sort((a, b) => a - b))
    responses[code] = { $ref: '#/components/responses/Problem' }
  return {
    ...(name === undefined ? {} : { operationId: name }),
    ...(summary === undefined ? {} : { summary }),
    ...(admin ? { security: [{ admin: [] }] } : {}),
    ...parameters(route),
    ...(body
      ? {
          requestBody: {
            required: true,
            content: { [consumes ?? 'application/json']: { schema: body } },
          },
        }
      : {}),
    responses,
  }
}

function parameters({ path, query }: Route): ApiNode {
  const inPath = [...path.matchAll(/\{(\w+)(?:\.\.\.)?\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const inQuery = Object.entries(query?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: query?.required?.includes(name) ?? false,
    schema,
  }))
  return inPath.length + inQuery.length === 0 ? {} : { parameters: [...inPath, ...inQuery] }
}

const problemSchema: SchemaNode = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', description: 'Stable name a program can act on' },
    traceId: { type: 'string', description: 'Trace to quote when you report it' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'expected'],
        properties: {
          field: { type: 'string' },
          value: { type: 'string' },
          expected: { type: 'string' },
        },
      },
    },
  },
}

/** `GET /openapi.json` for `routes` and itself. The text is made once. */
export function openApiRoute(routes: readonly Route[], info: ApiInfo): Route {
  const answer = jsonResponse(200, openApi(routes, info), ['cache-control', 'max-age=60'])
  return {
    method: 'GET',
    path: '/openapi.json',
    name: 'openApi',
    summary: 'This document',
    hidden: true,
    handler: () => answer,
  }
}

/** The same as a reference page in Markdown: one line an operation, in the order of the routes. */
export function apiPage(routes: readonly Route[], info: ApiInfo): string {
  const lines = routes
    .filter((route) => !route.hidden)
    .map((route) => {
      const fields = Object.keys(route.body?.properties ?? {}).join(', ')
      const names = Object.keys(route.query?.properties ?? {}).join(', ')
      const inputs = [fields && `body: ${fields}`, names && `query: ${names}`].filter(Boolean)
      const call = `\`${route.method} ${route.path}\`${route.admin ? ' (admin)' : ''}`
      return `| ${call} | ${route.summary ?? ''} | ${inputs.join('; ')} |`
    })
  return [
    `# ${info.title} ${info.version}`,
    '',
    '| call | does | takes |',
    '|---|---|---|',
    ...lines,
    '',
  ].join('\n')
}
