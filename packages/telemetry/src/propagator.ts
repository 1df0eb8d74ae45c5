import {
  baggageEntryMetadataFromString,
  propagation,
  type BaggageEntry,
  type Context,
  type SpanContext,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from '@opentelemetry/api'
import { SpanScope, spanOf } from './context.ts'
import { RemoteSpan } from './remote-span.ts'
import {
  createTraceParent,
  formatTraceParent,
  hexOfWord,
  parseTraceParent,
} from './trace-parent.ts'
import { SpateTraceState } from './trace-state.ts'

/** Characters of a `baggage` header that are read or written (W3C Baggage 3.3.2). */
export const baggageCharactersMax = 8192
/** Entries of a `baggage` header that are read or written (W3C Baggage 3.3.2). */
export const baggageEntriesMax = 64

const scratch = createTraceParent()

/** Reads `traceparent` and `tracestate`; undefined where there is no valid traceparent. */
export function parseContext(
  traceparent: string | undefined,
  tracestate: string | undefined,
): SpanContext | undefined {
  if (traceparent === undefined || !parseTraceParent(traceparent, scratch)) return undefined
  const [a, b, c, d] = scratch.trace as unknown as [number, number, number, number]
  const [e, f] = scratch.span as unknown as [number, number]
  const traceState = tracestate === undefined ? undefined : SpateTraceState.parse(tracestate)
  return {
    traceId: hexOfWord(a) + hexOfWord(b) + hexOfWord(c) + hexOfWord(d),
    spanId: hexOfWord(e) + hexOfWord(f),
    traceFlags: scratch.flags,
    isRemote: true,
    ...(traceState === undefined ? {} : { traceState }),
  }
}

/** W3C Trace Context level 2 and W3C Baggage, for any carrier. */
export const w3cPropagator: TextMapPropagator = {
  inject(context: Context, carrier: unknown, setter: TextMapSetter) {
    const span = spanOf(context)?.spanContext()
    if (span && span.traceId !== '00000000000000000000000000000000') {
      setter.set(
        carrier,
        'traceparent',
        formatTraceParent(span.traceId, span.spanId, span.traceFlags),
      )
      const state = span.traceState?.serialize()
      if (state) setter.set(carrier, 'tracestate', state)
    }
    const baggage = writeBaggage(context)
    if (baggage !== '') setter.set(carrier, 'baggage', baggage)
  },
  extract(context: Context, carrier: unknown, getter: TextMapGetter) {
    const parent = first(getter.get(carrier, 'traceparent'))
    const state = getter.get(carrier, 'tracestate')
    const remote = parseContext(parent, Array.isArray(state) ? state.join(',') : state)
    const scoped = remote ? new SpanScope(context, new RemoteSpan(remote)) : context
    const baggage = getter.get(carrier, 'baggage')
    return readBaggage(scoped, Array.isArray(baggage) ? baggage.join(',') : baggage)
  },
  fields: () => ['traceparent', 'tracestate', 'baggage'],
}

/** Headers that carry `context` on: into an HTTP request, gRPC metadata or the headers of an event. */
export function injectHeaders(context: Context): Record<string, string> {
  const headers: Record<string, string> = {}
  w3cPropagator.inject(context, headers, {
    set: (carrier: Record<string, string>, key, value) => {
      carrier[key] = value
    },
  })
  return headers
}

/** `parent` with the remote span named by `headers` (lower-case names); `parent` where there is none. */
export function extractHeaders(
  headers: Readonly<Record<string, string | undefined>>,
  parent: Context,
): Context {
  return w3cPropagator.extract(parent, headers, {
    keys: (carrier: object) => Object.keys(carrier),
    get: (carrier: Readonly<Record<string, string | undefined>>, key) => carrier[key],
  })
}

/** Several `traceparent` lines are not a valid context (W3C 3.2). */
function first(value: string | string[] | undefined): string | undefined {
  if (!Array.isArray(value)) return value
  return value.length === 1 ? value[0] : undefined
}

function readBaggage(context: Context, header: string | undefined): Context {
  if (header === undefined || header === '' || header.length > baggageCharactersMax) return context
  const entries: Record<string, BaggageEntry> = {}
  let count = 0
  for (const part of header.split(',')) {
    const [pair, ...properties] = part.split(';')
    const equals = pair?.indexOf('=') ?? -1
    if (pair === undefined || equals <= 0 || count >= baggageEntriesMax) continue
    const key = pair.slice(0, equals).trim()
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(key)) continue
    try {
      const value = decodeURIComponent(pair.slice(equals + 1).trim())
      entries[key] =
        properties.length > 0
          ? { value, metadata: baggageEntryMetadataFromString(properties.join(';')) }
          : { value }
      count++
    } catch {
      // Bad percent-encoding: this entry is left out, the others stay.
    }
  }
  return count === 0 ? context : propagation.setBaggage(context, propagation.createBaggage(entries))
}

function writeBaggage(context: Context): string {
  const baggage = propagation.getBaggage(context)
  if (!baggage) return ''
  let header = ''
  let count = 0
  for (const [key, entry] of baggage.getAllEntries()) {
    const properties = entry.metadata ? `;${entry.metadata.toString()}` : ''
    const part = `${key}=${encodeURIComponent(entry.value)}${properties}`
    if (header.length + part.length + 1 > baggageCharactersMax) continue
    header += header === '' ? part : `,${part}`
    if (++count === baggageEntriesMax) break
  }
  return header
}
