import Type, { type TSchema, type TUnsafe } from 'typebox'
import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault, shown } from '@spate/runtime/fault'
import { experimentsMax } from './domain/experiment/experiment-book.ts'
import type { Experiment, Variant } from './domain/experiment/experiment.ts'
import type { Feedback } from './domain/rank/feedback.ts'
import { topics, type Publish } from './ingest.ts'

/** What the routes of experiments stand on. */
export interface ExperimentRouteParts {
  readonly feedback: Feedback
  readonly publish: Publish
  /** Resolves once what was published before this call is applied, or after a short while. */
  readonly applied: () => Promise<void>
}

/** Body of `POST /recommend/experiments`. */
interface ExperimentBody {
  readonly name: string
  readonly layer?: string
  readonly traffic?: number
  readonly variants: readonly Variant[]
}

const of = <Value>(schema: TSchema): TUnsafe<Value> => schema as unknown as TUnsafe<Value>
const name = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$' })
const share = Type.Number({ minimum: 0, maximum: 1 })
const oneOf = (...names: string[]): TSchema => Type.Union(names.map((each) => Type.Literal(each)))

const experimentBody: TUnsafe<ExperimentBody> = of(
  Type.Object({
    name,
    layer: Type.Optional(name),
    traffic: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    variants: Type.Array(
      Type.Object({
        name,
        share: Type.Number({ exclusiveMinimum: 0, maximum: 1000 }),
        rules: Type.Object({
          diversity: Type.Optional(oneOf('off', 'mmr', 'dpp')),
          diversityWeight: Type.Optional(share),
          exploration: Type.Optional(oneOf('off', 'epsilon', 'thompson')),
          explorationShare: Type.Optional(share),
        }),
      }),
      { minItems: 2, maxItems: 10 },
    ),
  }),
)

/** Routes that make, show and stop experiments. */
export function experimentRoutes(parts: ExperimentRouteParts): Route[] {
  const { feedback } = parts
  const known = (given: string): Experiment => {
    const found = feedback.experiments.of(given)
    if (!found) throw new Fault('not_found', `no experiment "${shown(given)}"`)
    return found
  }
  const put = async (experiment: Experiment): Promise<void> => {
    const value = Buffer.from(JSON.stringify(experiment))
    await parts.publish(topics.experiments, [{ key: experiment.name, value }])
    await parts.applied()
  }
  return [
    typedRoute({
      method: 'POST',
      path: '/recommend/experiments',
      name: 'createExperiment',
      summary: 'Splits users of a layer over variants; the first one is the control',
      admin: true,
      status: 201,
      refusals: [409],
      body: experimentBody,
      handler: async (_, { body }) => {
        const experiment = begun(body, feedback)
        await put(experiment)
        return jsonResponse(201, experiment)
      },
    }),
    {
      method: 'GET',
      path: '/recommend/experiments',
      name: 'experiments',
      summary: 'All experiments',
      handler: () => jsonResponse(200, { experiments: feedback.experiments.experiments }),
    },
    {
      method: 'GET',
      path: '/recommend/experiments/{name}',
      name: 'experiment',
      summary:
        'What became of an experiment: clicks and purchases with intervals, sample-ratio check',
      refusals: [404],
      handler: (request) => {
        const { name: given } = known(request.params['name'] ?? '')
        return jsonResponse(200, feedback.experiments.report(given))
      },
    },
    {
      method: 'POST',
      path: '/recommend/experiments/{name}/stop',
      name: 'stopExperiment',
      summary: 'Stops an experiment; its figures stay',
      admin: true,
      refusals: [404],
      handler: async (request) => {
        const stopped = { ...known(request.params['name'] ?? ''), status: 'stopped' } as const
        await put(stopped)
        return jsonResponse(200, stopped)
      },
    },
    offPolicyRoute(feedback),
  ]
}

function offPolicyRoute(feedback: Feedback): Route {
  return typedRoute({
    method: 'GET',
    path: '/recommend/off-policy',
    name: 'offPolicy',
    summary:
      'Clicks a place if so large a share of places were explored: IPS, SNIPS, doubly robust',
    query: Type.Object({ share: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })) }),
    handler: (_, { query }) => {
      const wanted = query.share ?? 0
      const estimate = feedback.experiments.offPolicy(wanted)
      return jsonResponse(200, { share: wanted, estimate })
    },
  })
}

/** A new experiment with its range of users. Throws `conflict` or `invalid_field`. */
function begun(
  { name: given, layer = 'default', traffic = 1, variants }: ExperimentBody,
  feedback: Feedback,
): Experiment {
  const book = feedback.experiments
  if (book.of(given)) throw new Fault('conflict', `experiment "${given}" exists already`)
  if (new Set(variants.map((each) => each.name)).size < variants.length)
    throw new Fault('invalid_field', undefined, {
      fields: [{ field: 'variants', expected: 'variants with different names' }],
    })
  if (book.experiments.filter(({ status }) => status === 'running').length >= experimentsMax)
    throw new Fault('conflict', `${experimentsMax} experiments run already`)
  const range = book.room(layer, traffic)
  if (!range)
    throw new Fault(
      'conflict',
      `layer "${layer}" has no ${traffic} of its users left; stop one, or take another layer`,
    )
  return { name: given, layer, ...range, variants, status: 'running' }
}
