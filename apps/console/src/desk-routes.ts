import type { Request, Response } from '@spate/http/exchange'
import { parseQuery } from '@spate/http/query'
import type { Route } from '@spate/http/router'
import { Fault } from '@spate/runtime/fault'
import { readCampaigns } from './campaigns.ts'
import { readSamples } from '@spate/telemetry/exposition-text'
import { edgePage } from './pages/edge.ts'
import type { StoreSize } from './pages/memory.ts'
import { recommendPage } from './pages/recommend.ts'
import { saleActions, salesPage } from './pages/sales.ts'
import { samplingPage, type SamplingView, type SelfReport } from './pages/sampling.ts'
import { ask, refusalOf, type Reply } from './questions.ts'
import type { Asker } from './quiet-client.ts'
import { pageResponse } from './page-response.ts'
import type { ConsoleSettings } from './settings.ts'
import type { Watched } from './watcher.ts'

/** What the desk works with. */
export interface Desk {
  readonly settings: ConsoleSettings
  readonly asker: Asker
  readonly watched: readonly Watched[]
  /** Stores of this process: how full they are is shown. */
  readonly stores: Readonly<Record<keyof SamplingView['stores'], { readonly size: StoreSize }>>
  /** For questions that change nothing; actions need the token a user types. */
  readonly adminToken: string
}

/** Largest form, bytes. */
export const formBytesMax = 8192

/** Pages that ask the programs: edge, flash sale, recommend, sampling. */
export function deskRoutes(desk: Desk): Route[] {
  const route = (method: string, path: string, name: string, handler: Route['handler']): Route => ({
    method,
    path,
    name,
    handler,
  })
  return [
    route('GET', '/edge', 'edge', (request) => edge(desk, request, '')),
    route('POST', '/edge/purge', 'purge', (request) => purge(desk, request)),
    route('GET', '/sales', 'sales', () => sales(desk, '')),
    route('POST', '/sales', 'openSale', (request) => openSale(desk, request)),
    route('POST', '/sales/act', 'actOnSale', (request) => act(desk, request)),
    route('GET', '/recommend', 'recommend', (request) => recommend(desk, request)),
    route('GET', '/sampling', 'sampling', () => sampling(desk)),
  ]
}

/** Fields of a posted form; from our own pages only. */
async function formOf(request: Request): Promise<ReadonlyMap<string, string>> {
  const site = request.headers.get('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin' && site !== 'none')
    throw new Fault('forbidden', 'this may only be sent from the console itself')
  if (
    !/^application\/x-www-form-urlencoded\s*(;|$)/i.test(request.headers.get('content-type') ?? '')
  )
    throw new Fault(
      'unsupported_media_type',
      'a form is expected: application/x-www-form-urlencoded',
    )
  const bytes = request.body.whole ?? (await request.body.bytes(formBytesMax))
  if (bytes.length > formBytesMax)
    throw new Fault('payload_too_large', `a form has at most ${formBytesMax} bytes`)
  return new Map(parseQuery(new TextDecoder().decode(bytes)))
}

async function edge(desk: Desk, request: Request, note: string): Promise<Response> {
  const { settings, asker, adminToken: token } = desk
  const timeoutMs = settings.askTimeoutMs
  const asked = new Map(parseQuery(request.query)).get('explain') ?? ''
  const absolute = asked.startsWith('/') ? `${settings.edgeUrl}${asked}` : asked
  const [stats, explained] = await Promise.all([
    ask(asker, { url: `${settings.edgeAdminUrl}/stats?window=60`, token, timeoutMs }),
    asked === ''
      ? undefined
      : ask(asker, {
          url: `${settings.edgeAdminUrl}/explain?url=${encodeURIComponent(absolute)}`,
          token,
          timeoutMs,
        }),
  ])
  return pageResponse(edgePage({ stats, asked, explained, note }))
}

async function purge(desk: Desk, request: Request): Promise<Response> {
  const form = await formOf(request)
  const by = form.get('by') ?? ''
  if (!['tags', 'urls', 'prefixes'].includes(by))
    throw new Fault('invalid_field', 'by is tags, urls or prefixes', {
      fields: [{ field: 'by', value: by.slice(0, 80), expected: 'tags, urls or prefixes' }],
    })
  const value = form.get('value') ?? ''
  const reply = await ask(desk.asker, {
    url: `${desk.settings.edgeAdminUrl}/purge`,
    method: 'POST',
    body: { [by]: [value], soft: form.get('soft') === '1' },
    token: form.get('token') ?? '',
    timeoutMs: desk.settings.askTimeoutMs,
  })
  return edge(
    desk,
    request,
    outcome(reply, `Purged: ${JSON.stringify(reply.kind === 'answered' ? reply.value : '')}`),
  )
}

function outcome(reply: Reply, done: string): string {
  return reply.kind === 'answered' && reply.status < 300 ? done : refusalOf(reply)
}

async function sales(
  desk: Desk,
  note: string,
  audit?: { readonly productId: string; readonly reply: Reply },
): Promise<Response> {
  const { settings, asker } = desk
  const campaigns = await readCampaigns(asker, settings.seckillUrl, settings.askTimeoutMs)
  return pageResponse(salesPage({ campaigns, note, audit }))
}

async function openSale(desk: Desk, request: Request): Promise<Response> {
  const form = await formOf(request)
  const productId = form.get('productId') ?? ''
  const reply = await ask(desk.asker, {
    url: `${desk.settings.seckillUrl}/seckill/campaigns`,
    method: 'POST',
    body: {
      productId,
      stock: Number(form.get('stock')),
      perUserLimit: Number(form.get('perUserLimit')),
    },
    token: form.get('token') ?? '',
    timeoutMs: desk.settings.askTimeoutMs,
  })
  return sales(desk, outcome(reply, `${productId} is open.`))
}

async function act(desk: Desk, request: Request): Promise<Response> {
  const form = await formOf(request)
  const productId = form.get('productId') ?? ''
  const action = form.get('action') ?? ''
  if (!Object.hasOwn(saleActions, action))
    throw new Fault('invalid_field', 'there is no such action', {
      fields: [
        {
          field: 'action',
          value: action.slice(0, 80),
          expected: Object.keys(saleActions).join(', '),
        },
      ],
    })
  const { seckillUrl, askTimeoutMs: timeoutMs } = desk.settings
  const token = form.get('token') ?? ''
  const product = encodeURIComponent(productId)
  if (action === 'audit') {
    const reply = await ask(desk.asker, {
      url: `${seckillUrl}/seckill/audit/${product}`,
      token,
      timeoutMs: timeoutMs * 4,
    })
    return sales(desk, '', { productId, reply })
  }
  const url = `${seckillUrl}/seckill/campaigns/${product}/${action}`
  const reply = await ask(desk.asker, { url, method: 'POST', token, timeoutMs })
  return sales(desk, outcome(reply, `${productId}: ${action} done.`))
}

async function recommend(desk: Desk, request: Request): Promise<Response> {
  const { settings, asker } = desk
  const query = new Map(parseQuery(request.query))
  const userId = query.get('user') ?? ''
  const itemId = query.get('item') ?? ''
  const count = query.get('count') ?? '12'
  const base = { timeoutMs: settings.askTimeoutMs }
  const context = itemId === '' ? {} : { context: { itemId } }
  const [list, features, models] = await Promise.all([
    userId === ''
      ? undefined
      : ask(asker, {
          ...base,
          url: `${settings.recommendUrl}/recommend`,
          method: 'POST',
          body: { userId, numItems: Number(count), ...context },
        }),
    userId === ''
      ? undefined
      : ask(asker, {
          ...base,
          url: `${settings.recommendUrl}/recommend/features/${encodeURIComponent(userId)}`,
        }),
    ask(asker, { ...base, url: `${settings.recommendUrl}/recommend/models` }),
  ])
  return pageResponse(recommendPage({ userId, itemId, count, list, features, models }))
}

async function sampling(desk: Desk): Promise<Response> {
  const reports = await Promise.all(
    desk.watched.map(async ({ name, url }): Promise<SelfReport> => {
      try {
        const answer = await desk.asker.fetch(`${url}/metrics`, {
          timeoutMs: desk.settings.askTimeoutMs,
        })
        const { samples } = readSamples(await answer.text())
        const own = /^(spate_telemetry_|spate_log_|otlp_)/
        return { name, samples: samples.filter((each) => own.test(each.name)) }
      } catch {
        // The panel says that there was no answer.
        return { name, samples: undefined }
      }
    }),
  )
  const { traces, metrics, logs } = desk.stores
  const sizes = { traces: traces.size, metrics: metrics.size, logs: logs.size }
  return pageResponse(samplingPage({ reports, stores: sizes }))
}
