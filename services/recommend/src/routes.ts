import Type from 'typebox'
import { typedRoute } from '@spate/http/input'
import type { Request, Response } from '@spate/http/exchange'
import { jsonReader } from '@spate/http/json'
import { languageOf } from '@spate/http/language'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import type { Clock } from '@spate/runtime/clock'
import { Fault, shown } from '@spate/runtime/fault'
import { recommendBody, wireLimits, type RecommendAnswer, type RecommendBody } from './contract.ts'
import { popularitySpans, type PopularitySpan } from './domain/recall/popularity.ts'
import { featureRoutes, type FeatureRouteParts } from './features/feature-routes.ts'
import { itemRoutes, type ItemRouteParts } from './item-routes.ts'
import type { Ingest } from './ingest.ts'
import { isLines, takeLines } from './ndjson.ts'
import { experimentRoutes, type ExperimentRouteParts } from './experiment-routes.ts'
import type { Feedback } from './domain/rank/feedback.ts'
import type { GuardedRanker } from './rank/guarded-ranker.ts'
import type { Recommender } from './recommender.ts'
import type { ServedModels } from './served-models.ts'
import { similarItems } from './similar.ts'
import type { Trainer } from './trainer.ts'

/** What the routes stand on. */
export interface RouteParts extends ExperimentRouteParts, ItemRouteParts, FeatureRouteParts {
  readonly recommender: Recommender
  readonly served: ServedModels
  readonly trainer: Trainer
  readonly clock: Clock
  readonly feedback: Feedback
  /** The model outside of the engine. */
  readonly model: GuardedRanker | undefined
}

const numItemsDefault = 20
const eventsBytesMax = 8 * 1024 * 1024

/** The routes of contract section 4. */
export function recommendRoutes(parts: RouteParts): Route[] {
  return [
    recommendRoute(parts),
    eventsRoute(parts),
    ...itemRoutes(parts),
    ...featureRoutes(parts),
    similarRoute(parts),
    popularRoute(parts),
    modelsRoute(parts),
    ...trainRoutes(parts),
    ...experimentRoutes(parts),
  ]
}

function recommendRoute({ recommender, partition }: RouteParts): Route {
  return typedRoute({
    method: 'POST',
    path: '/recommend',
    name: 'recommend',
    summary: 'A list for a user, with the reason for each item',
    body: recommendBody,
    handler: async (request, { body }) => {
      partition.require(body.userId)
      const query = {
        ...filtersOf(body),
        userId: body.userId,
        numItems: body.numItems ?? numItemsDefault,
        candidates: body.candidates,
        exclude: body.exclude,
        language: languageOf(request.headers.get('accept-language')),
        ...(body.context ? { context: body.context } : {}),
      }
      const { requestId, model, items, degraded } = await recommender.recommend(
        query,
        request.context,
      )
      const answer: RecommendAnswer = {
        requestId,
        model,
        items,
        ...(degraded.length === 0 ? {} : { degraded }),
      }
      return jsonResponse(200, answer)
    },
  })
}

function filtersOf(body: RecommendBody): {
  categories: readonly string[] | undefined
  tags: readonly string[] | undefined
  priceMin: number | undefined
  priceMax: number | undefined
  seen: 'exclude' | 'include'
} {
  const { categories, tags, priceMin, priceMax, seen = 'exclude' } = body.filters ?? {}
  return { categories, tags, priceMin, priceMax, seen }
}

function eventsRoute({ ingest }: RouteParts): Route {
  const reader = jsonReader(Type.Unknown(), { bytesMax: eventsBytesMax })
  const answer = async (request: Request, body: unknown): Promise<Response> => {
    if (!Array.isArray(body)) return jsonResponse(202, await ingest.event(body, request.context))
    if (body.length > wireLimits.eventsPerCallMax)
      throw new Fault('payload_too_large', undefined, {
        fields: [
          {
            field: 'body',
            value: `${body.length} events`,
            expected: `at most ${wireLimits.eventsPerCallMax} events`,
          },
        ],
      })
    return jsonResponse(202, await ingest.events(body, request.context))
  }
  return {
    method: 'POST',
    path: '/recommend/events',
    name: 'recordEvents',
    summary: 'Records what users did: one event, a list of them, or any number as lines of JSON',
    status: 202,
    handler: async (request) =>
      isLines(request) ? eventLines(ingest, request) : answer(request, await reader.read(request)),
  }
}

/** Events made durable together. */
const eventsPerBatch = 2000

async function eventLines(ingest: Ingest, request: Request): Promise<Response> {
  const counts = { accepted: 0, duplicates: 0 }
  const { rejected, rejectedCount } = await takeLines(request, {
    read: (value) => ingest.interaction(value),
    take: async (batch) => {
      const { accepted, duplicates } = await ingest.record(batch, request.context)
      counts.accepted += accepted
      counts.duplicates += duplicates
    },
    batchMax: eventsPerBatch,
  })
  const named = rejected.map(({ line, ...why }) => ({ index: line - 1, line, ...why }))
  return jsonResponse(202, { ...counts, rejectedCount, rejected: named })
}

function similarRoute(parts: RouteParts): Route {
  return typedRoute({
    method: 'GET',
    path: '/recommend/similar/{itemId}',
    name: 'similarItems',
    summary: 'Items that go with an item',
    query: Type.Object({
      numItems: Type.Optional(Type.Integer({ minimum: 1, maximum: wireLimits.numItemsMax })),
    }),
    refusals: [404],
    handler: (request, { query }) => {
      const itemId = request.params['itemId'] ?? ''
      const number = parts.state.catalogue.numberOf(itemId)
      if (number === undefined) throw new Fault('not_found', `no item "${shown(itemId)}"`)
      const { models, name } = parts.served.now()
      const items = similarItems(number, {
        state: parts.state,
        models,
        most: query.numItems ?? numItemsDefault,
        nowMs: parts.clock.now(),
      })
      return jsonResponse(200, { itemId, model: name, items })
    },
  })
}

function popularRoute({ state, clock }: RouteParts): Route {
  return typedRoute({
    method: 'GET',
    path: '/recommend/popular',
    name: 'popularItems',
    summary: 'What is wanted now',
    query: Type.Object({
      numItems: Type.Optional(Type.Integer({ minimum: 1, maximum: wireLimits.numItemsMax })),
      span: Type.Optional(Type.Union(popularitySpans.map((span) => Type.Literal(span)))),
    }),
    handler: (_, { query }) => {
      const span = (query.span ?? 'fortnight') as PopularitySpan
      const most = query.numItems ?? numItemsDefault
      const nowMs = clock.now()
      const items: { itemId: string; title: string; score: number }[] = []
      for (const number of state.popularity.top(span, most + 1000)) {
        if (items.length === most) break
        const item = state.catalogue.at(number)
        if (!item || !state.catalogue.showable(number)) continue
        const score = state.popularity.value(number, span, nowMs)
        items.push({ itemId: item.itemId, title: item.title, score })
      }
      return jsonResponse(200, { span, items })
    },
  })
}

function modelsRoute({ served, state, trainer, feedback, model }: RouteParts): Route {
  return {
    method: 'GET',
    path: '/recommend/models',
    name: 'models',
    summary: 'What ranks now, and what it was chosen by',
    handler: async () => {
      const { name, version, training, ...rest } = served.now()
      return jsonResponse(200, {
        model: name,
        version,
        blend: rest.blend,
        blendWithRepeats: rest.blendWithRepeats,
        blendForStrangers: rest.blendForStrangers,
        training: training ?? null,
        trainings: trainer.runs,
        learning: feedback.ranker.figures(),
        outside: (await model?.figures()) ?? null,
        state: {
          items: state.catalogue.size,
          users: state.histories.users,
          events: state.events,
          usersDropped: state.histories.evictions,
          rowsPruned: state.covisitation.prunings,
        },
      })
    },
  }
}

function trainRoutes({ trainer }: RouteParts): Route[] {
  return [
    typedRoute({
      method: 'POST',
      path: '/recommend/train',
      name: 'train',
      summary: 'Trains now',
      admin: true,
      status: 202,
      body: Type.Object({}),
      bodyOptional: true,
      handler: () => jsonResponse(202, trainer.train()),
    }),
    {
      method: 'GET',
      path: '/recommend/train/{id}',
      name: 'training',
      summary: 'A training, by its number',
      admin: true,
      refusals: [404],
      handler: (request) => {
        const run = trainer.runs.find(({ id }) => String(id) === request.params['id'])
        if (!run) throw new Fault('not_found', 'no such training is kept')
        return jsonResponse(200, run)
      },
    },
  ]
}
