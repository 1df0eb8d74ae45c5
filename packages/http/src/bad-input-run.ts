import { connect, type Socket } from 'node:net'
import { systemClock } from '@spate/runtime/clock'
import { fieldProblemsMax } from './field-rules.ts'
import type { BadInput } from './bad-input.ts'

/** The route under test, reached over a real socket. */
export interface BadInputTarget {
  /** Where it listens: `http://127.0.0.1:8081`. */
  readonly url: string
  readonly method: string
  readonly path: string
  /** Sent with every case: `authorization`, for admin routes. */
  readonly headers?: Readonly<Record<string, string>>
  /** A GET that answers 200, asked on the same connection after each refusal. Default `/health/live`. */
  readonly probe?: string
  /** Members every refusal must carry besides: `{ success: false }`. */
  readonly members?: Readonly<Record<string, unknown>>
  /** True where the problem must carry a `traceId`: the program has telemetry. */
  readonly traced?: boolean
}

/** What one run saw. */
export interface BadInputReport {
  readonly ran: number
  /** Connections that went on after the refusal, and that the server closed. */
  readonly kept: number
  readonly closed: number
  /** What broke the rule, one line each; empty where all is well. */
  readonly violations: readonly string[]
}

/** Time one answer may take, ms. */
const answerMsMax = 5000

/**
 * Sends every case and checks the answer: 4xx, a problem that names field, value (cut) and what is
 * accepted, and a connection that either closes or answers the next request rightly.
 */
export async function badInputViolations(
  target: BadInputTarget,
  cases: readonly BadInput[],
): Promise<BadInputReport> {
  const violations: string[] = []
  let kept = 0
  for (const bad of cases) {
    const said = (what: string): void => void violations.push(`${bad.name}: ${what}`)
    const wire = new Wire(target.url)
    try {
      wire.send(target.method, target.path, { ...target.headers, ...bad.headers }, bad.body)
      const answer = await wire.answer()
      for (const flaw of flaws(answer, bad, target)) said(flaw)
      if (answer.closes) continue
      wire.send('GET', target.probe ?? '/health/live', {}, undefined)
      const next = await wire.answer()
      if (next.status !== 200) said(`the next request on the connection got ${next.status}`)
      kept++
    } catch (caught) {
      said(`no answer: ${caught instanceof Error ? caught.message : String(caught)}`)
    } finally {
      wire.close()
    }
  }
  return { ran: cases.length, kept, closed: cases.length - kept, violations }
}

function* flaws(answer: Answer, bad: BadInput, target: BadInputTarget): Generator<string> {
  if (answer.status < 400 || answer.status > 499) yield `status ${answer.status}`
  if (answer.headers.get('content-type') !== 'application/problem+json') {
    yield `content type ${answer.headers.get('content-type')}`
    return
  }
  const body = JSON.parse(answer.body) as Record<string, unknown>
  if (body['status'] !== answer.status) yield `status ${String(body['status'])} in the body`
  for (const member of ['type', 'title', 'detail', 'code'])
    if (typeof body[member] !== 'string') yield `no ${member}`
  if (target.traced && !/^[\da-f]{32}$/.test(String(body['traceId']))) yield 'no traceId'
  for (const [name, value] of Object.entries(target.members ?? {}))
    if (body[name] !== value) yield `${name} is ${JSON.stringify(body[name])}`
  const errors = body['errors']
  if (!Array.isArray(errors) || errors.length === 0) {
    yield 'names no field'
    return
  }
  if (errors.length > fieldProblemsMax) yield `names ${errors.length} fields`
  for (const error of errors as Record<string, unknown>[]) {
    if (typeof error['field'] !== 'string' || error['field'] === '') yield 'an error without field'
    if (typeof error['expected'] !== 'string' || error['expected'] === '')
      yield 'an error without what is accepted'
    if (typeof error['value'] === 'string' && error['value'].length > 80) yield 'a value is not cut'
  }
  const named = (errors as { field: string }[]).map(({ field }) => field)
  const meant = bad.field
  // A wrong list or object may be named by what is wrong inside it.
  if (meant !== undefined && !named.some((name) => name === meant || isInside(name, meant)))
    yield `names ${named.join(', ')} in place of ${bad.field}`
}

function isInside(name: string, field: string): boolean {
  return name.startsWith(field) && (name[field.length] === '.' || name[field.length] === '[')
}

interface Answer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
  /** True where the server ends the connection after it. */
  readonly closes: boolean
}

/** One connection, spoken to in bytes: a client library would hide its state. */
class Wire {
  readonly #socket: Socket
  readonly #host: string
  #received: Buffer = Buffer.alloc(0)
  #ended = false
  #wake = (): void => {}

  constructor(url: string) {
    const { hostname, port, host } = new URL(url)
    this.#host = host
    this.#socket = connect({ host: hostname, port: Number(port) })
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    const end = (): void => {
      this.#ended = true
      this.#wake()
    }
    // A reset counts as an end: a server may refuse a body by closing while it still arrives.
    this.#socket.on('close', end).on('end', end).on('error', end)
  }

  send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array | undefined,
  ): void {
    const lines = Object.entries({
      host: this.#host,
      ...headers,
      ...(body ? { 'content-length': `${body.length}` } : {}),
    }).map(([name, value]) => `${name}: ${value}\r\n`)
    this.#socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
    if (body) this.#socket.write(body)
  }

  async answer(): Promise<Answer> {
    const late = systemClock.after(answerMsMax, () => this.#socket.destroy())
    try {
      for (;;) {
        const answer = this.#parse()
        if (answer) return answer
        if (this.#ended)
          throw new Error(`the connection ended after ${this.#received.length} bytes`)
        await new Promise<void>((resolve) => (this.#wake = resolve))
      }
    } finally {
      late.cancel()
    }
  }

  close(): void {
    this.#socket.destroy()
  }

  #parse(): Answer | undefined {
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd < 0) return undefined
    const [first, ...lines] = this.#received.toString('latin1', 0, headEnd).split('\r\n')
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      }),
    )
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first ?? '')?.[1])
    const length = Number(headers.get('content-length') ?? Number.NaN)
    if (!Number.isInteger(length)) throw new Error(`an answer without Content-Length: ${first}`)
    const bodyEnd = headEnd + 4 + length
    if (this.#received.length < bodyEnd) return undefined
    const body = this.#received.toString('utf8', headEnd + 4, bodyEnd)
    this.#received = this.#received.subarray(bodyEnd)
    if (status === 100) return this.#parse()
    return { status, headers, body, closes: headers.get('connection')?.toLowerCase() === 'close' }
  }
}
