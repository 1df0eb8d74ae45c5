import Type from 'typebox'
import type { Request } from '@spate/http/exchange'
import { typedRoute } from '@spate/http/input'
import { jsonReader } from '@spate/http/json'
import { jsonResponse } from '@spate/http/problem'
import type { Route } from '@spate/http/router'
import { Fault, shown } from '@spate/runtime/fault'
import { itemBody } from './contract.ts'
import type { Item } from './domain/catalogue.ts'
import type { RecommendState } from './domain/state.ts'
import { describe, type Ingest } from './ingest.ts'

/** Longest line of NDJSON, bytes. */
const lineBytesMax = 64 * 1024
/** Items made durable together. */
const itemsPerBatch = 500
/** Refused lines that are named; further ones are only counted. */
const rejectedMax = 1000

/** What the item routes stand on. */
export interface ItemRouteParts {
  readonly ingest: Ingest
  readonly state: RecommendState
  /** Resolves once what was published before this call is applied, or after a short while. */
  readonly applied: () => Promise<void>
}

/** Routes that write and read items. */
export function itemRoutes({ ingest, state, applied }: ItemRouteParts): Route[] {
  return [
    typedRoute({
      method: 'PUT',
      path: '/recommend/items/{itemId}',
      name: 'putItem',
      summary: 'Describes an item, new or known',
      body: itemBody,
      handler: async (request, { body }) => {
        const itemId = request.params['itemId'] ?? ''
        if (itemId.length > 200)
          throw new Fault('invalid_field', undefined, {
            fields: [{ field: 'itemId', value: shown(itemId), expected: 'at most 200 characters' }],
          })
        const item = ingest.item(body, itemId)
        if (state.catalogue.numberOf(itemId) === undefined) refuseWhenFull(state.catalogue)
        await ingest.items([item], request.context)
        await applied()
        return jsonResponse(200, item)
      },
    }),
    {
      method: 'GET',
      path: '/recommend/items/{itemId}',
      name: 'getItem',
      summary: 'An item as the engine knows it',
      refusals: [404],
      handler: (request) => {
        const itemId = request.params['itemId'] ?? ''
        const number = state.catalogue.numberOf(itemId)
        if (number === undefined) throw new Fault('not_found', `no item "${shown(itemId)}"`)
        return jsonResponse(200, state.catalogue.at(number))
      },
    },
    {
      method: 'POST',
      path: '/recommend/items',
      name: 'putItems',
      summary: 'Describes many items, one JSON object a line; bad lines are named, the rest taken',
      consumes: 'application/x-ndjson',
      handler: async (request) => {
        requireLines(request)
        const result = await takeLines(request, ingest, () => refuseWhenFull(state.catalogue))
        await applied()
        return jsonResponse(200, result)
      },
    },
  ]
}

function refuseWhenFull(catalogue: { readonly size: number; readonly itemsMax: number }): void {
  if (catalogue.size >= catalogue.itemsMax)
    throw new Fault('overloaded', `the catalogue is full (${catalogue.itemsMax} items)`)
}

function requireLines(request: Request): void {
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (
    type !== 'application/x-ndjson' &&
    type !== 'application/json' &&
    type !== 'application/jsonl'
  )
    throw new Fault('unsupported_media_type', 'send application/x-ndjson')
}

interface LinesResult {
  readonly accepted: number
  readonly rejectedCount: number
  readonly rejected: readonly {
    readonly line: number
    readonly code: string
    readonly message: string
  }[]
}

async function takeLines(
  request: Request,
  ingest: Ingest,
  refuseWhenFull: () => void,
): Promise<LinesResult> {
  const reader = jsonReader(Type.Unknown(), { bytesMax: lineBytesMax })
  const rejected: LinesResult['rejected'][number][] = []
  let rejectedCount = 0
  let accepted = 0
  let batch: Item[] = []
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return
    refuseWhenFull()
    await ingest.items(batch, request.context)
    accepted += batch.length
    batch = []
  }
  let line = 0
  for await (const bytes of linesOf(request.body.stream())) {
    line++
    if (isBlank(bytes)) continue
    try {
      batch.push(ingest.item(reader.parse(bytes)))
    } catch (caught) {
      rejectedCount++
      if (rejected.length < rejectedMax) rejected.push({ line, ...describe(caught) })
    }
    if (batch.length >= itemsPerBatch) await flush()
  }
  await flush()
  return { accepted, rejectedCount, rejected }
}

const newline = 0x0a

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)
}

/** Lines of a byte stream without their ends; what runs past the limit is cut just above it. */
async function* linesOf(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Uint8Array = new Uint8Array(0)
  for await (const piece of pieces) {
    let from = 0
    for (let at = piece.indexOf(newline); at >= 0; at = piece.indexOf(newline, from)) {
      yield joined(rest, piece.subarray(from, at))
      rest = new Uint8Array(0)
      from = at + 1
    }
    rest = joined(rest, piece.subarray(from)).slice()
  }
  if (rest.length > 0) yield rest
}

/** Both one behind the other; no more than a line may hold and one byte, so that it is refused. */
function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = first.length === 0 ? second : Buffer.concat([first, second])
  return bytes.length > lineBytesMax ? bytes.subarray(0, lineBytesMax + 1) : bytes
}
