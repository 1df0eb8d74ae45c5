import type { Context } from '@opentelemetry/api'
import type { Client } from '@spate/http/client'
import type { BodyStream } from '@spate/http/exchange'
import { Fault } from '@spate/runtime/fault'

/** One call to a program behind the shop. */
export interface UpstreamCall {
  readonly method?: 'GET' | 'POST' | 'PUT'
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is, with its media type. */
  readonly text?: { readonly type: string; readonly body: string }
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Parent of the call's span. */
  readonly context?: Context
  /** Low-cardinality form of the path: `/items/{id}`. Default: the path, where nothing in it varies. */
  readonly template?: string
}

/** An answer whose body is JSON. */
export interface UpstreamAnswer {
  readonly status: number
  /** The parsed body; an empty object where it is not a JSON object. */
  readonly value: Readonly<Record<string, unknown>>
  /** The parsed body where it is a list; empty otherwise. */
  readonly list: readonly unknown[]
  /** `Retry-After`, where there is one. */
  readonly retryAfter: string | undefined
}

/** Largest answer read from a program behind the shop, bytes. */
export const answerBytesMax: number = 1024 * 1024

/** Calls one program behind the shop. Throws a `Fault` where no answer came. */
export class Upstream {
  readonly #client: Client
  readonly #url: string

  /** `url`: where it answers, without a path. */
  constructor(client: Client, url: string) {
    this.#client = client
    this.#url = url.replace(/\/+$/, '')
  }

  async call(path: string, call: UpstreamCall): Promise<UpstreamAnswer> {
    const { body, text } = call
    const sent = text?.body ?? (body === undefined ? undefined : JSON.stringify(body))
    const type = text?.type ?? (body === undefined ? undefined : 'application/json')
    const answer = await this.#client.fetch(`${this.#url}${path}`, {
      method: call.method ?? 'GET',
      headers: {
        accept: 'application/json',
        ...(type && { 'content-type': type }),
        ...call.headers,
      },
      timeoutMs: call.timeoutMs,
      bytesMax: answerBytesMax,
      ...(sent === undefined ? {} : { body: sent }),
      ...(call.context && { context: call.context }),
      template: call.template ?? path,
    })
    const value = parsed(await answer.text())
    return {
      status: answer.status,
      value: isRecord(value) ? value : {},
      list: Array.isArray(value) ? value : [],
      retryAfter: answer.headers.get('retry-after') ?? undefined,
    }
  }

  /** The body of an answer as it comes. Throws `bad_gateway` where it is no success. */
  async stream(
    path: string,
    call: Pick<UpstreamCall, 'headers' | 'timeoutMs' | 'context' | 'template'> & {
      readonly signal: AbortSignal
    },
  ): Promise<BodyStream> {
    const answer = await this.#client.fetch(`${this.#url}${path}`, {
      timeoutMs: call.timeoutMs,
      signal: call.signal,
      bytesMax: streamBytesMax,
      ...(call.headers && { headers: call.headers }),
      ...(call.context && { context: call.context }),
      template: call.template ?? path,
    })
    if (answer.ok) return answer.stream()
    await answer.discard()
    throw new Fault('bad_gateway', `the answer has status ${answer.status}`)
  }
}

/** Bytes of an event stream that is passed on, at most. */
const streamBytesMax = 16 * 1024 * 1024

function parsed(text: string): unknown {
  if (text === '') return {}
  try {
    return JSON.parse(text)
  } catch (caught) {
    throw new Fault('bad_gateway', 'the answer is not JSON', { cause: caught })
  }
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text field of `record`; empty where it is not one. */
export function textOf(record: Readonly<Record<string, unknown>>, name: string): string {
  const value = record[name]
  return typeof value === 'string' ? value : ''
}

/** A number field of `record`; undefined where it is not a finite one. */
export function numberOf(
  record: Readonly<Record<string, unknown>>,
  name: string,
): number | undefined {
  const value = record[name]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** A time field, as ms or as ISO text; undefined where it is neither. */
export function timeOf(
  record: Readonly<Record<string, unknown>>,
  name: string,
): number | undefined {
  const value = record[name]
  if (typeof value === 'number' && Number.isFinite(value)) return value
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? undefined : ms
}
