import { typedRoute } from '@spate/http/input'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault } from '@spate/runtime/fault'
import { featuresBody, warmupBody } from '../contract.ts'
import { putFeatures, shownFeatures, type FeatureParts } from './feature-answer.ts'
import type { Partition } from '../domain/partition.ts'
import type { Warmups } from './warmups.ts'

/** What the feature routes stand on. */
export interface FeatureRouteParts extends FeatureParts {
  readonly warmups: Warmups
  /** Users that are kept here; `misdirected` for others. */
  readonly partition: Partition
}

const warmupBytesMax = 8 * 1024 * 1024

/** Routes that show, set and warm up features of users. */
export function featureRoutes(parts: FeatureRouteParts): Route[] {
  const { warmups, partition } = parts
  return [
    {
      method: 'GET',
      path: '/recommend/features/{userId}',
      name: 'getFeatures',
      summary: 'What is known of a user, as the models see it now; defaults for a stranger',
      handler: async (request) => {
        const userId = request.params['userId'] ?? ''
        partition.require(userId)
        return jsonResponse(200, await shownFeatures(parts, userId))
      },
    },
    typedRoute({
      method: 'PUT',
      path: '/recommend/features/{userId}',
      name: 'putFeatures',
      summary: 'Says something of a user: a segment, an age group, a score; replaces what was said',
      body: featuresBody,
      handler: async (request, { body }) => {
        const userId = request.params['userId'] ?? ''
        partition.require(userId)
        return jsonResponse(200, await putFeatures(parts, userId, body.features, request.context))
      },
    }),
    typedRoute({
      method: 'POST',
      path: '/recommend/features/warmup',
      name: 'warmUp',
      summary: 'Fills the feature cache for many users',
      status: 202,
      body: warmupBody,
      bytesMax: warmupBytesMax,
      handler: (request, { body }) => {
        for (const userId of body.userIds) partition.require(userId)
        return jsonResponse(202, warmups.start(body.userIds, request.context))
      },
    }),
    {
      method: 'GET',
      path: '/recommend/features/warmup/{id}',
      name: 'warmup',
      summary: 'How far a warm-up has come',
      refusals: [404],
      handler: (request) => {
        const job = warmups.find(Number(request.params['id']))
        if (!job) throw new Fault('not_found', 'no such warm-up is kept')
        return jsonResponse(200, job)
      },
    },
  ]
}
